/** What a message tells people to type, which differs between the commands that judge files. */
export interface CommandWords {
  /** Begins each note. */
  readonly name: string;
  /** What a chain's files are given to. */
  readonly takes: string;
  /** The command up to the name of a chain's file. */
  readonly command: string;
  /** What stands before that name, with a blank; empty: nothing. */
  readonly fileOption: string;
}

export const WAYBILL_VERIFY: CommandWords = {
  name: 'waybill-verify',
  takes: 'waybill-verify',
  command: 'waybill-verify',
  fileOption: '',
};
