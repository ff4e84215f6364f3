/**
 * Options that npm took away. In `npm run waybill deploy --check`, without `--` before the command, npm reads `--check`
 * as its own option. The command would run without it and do something else. npm leaves such options in the
 * environment, as `npm_config_check`.
 */
import type { Command } from './command.ts';

/** npm has these options itself, and a user's `.npmrc` may set them: alone, they prove nothing. */
const OF_NPM: ReadonlySet<string> = new Set(['all', 'json']);

export interface TakenByNpm {
  /** Says which options, and what to write instead; empty when there is none. */
  readonly hint: string;
  /** Whether an option was taken that npm does not have itself. */
  readonly isCertain: boolean;
}

export function takenByNpm(
  command: Command,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): TakenByNpm {
  const script = env['npm_lifecycle_event'];
  const isGiven = (name: string): boolean => args.some((one) => one === `--${name}` || one.startsWith(`--${name}=`));
  const taken = Object.keys(command.options).filter(
    (name) => env[`npm_config_${name.replaceAll('-', '_')}`] && !isGiven(name),
  );
  if (script === undefined || taken.length === 0) return { hint: '', isCertain: false };
  const list = taken.map((name) => `--${name}`).join(', ');
  return {
    hint: `npm has taken ${list} for itself: write npm run ${script} -- ${command.name} …`,
    isCertain: taken.some((name) => !OF_NPM.has(name)),
  };
}
