/** A memo keeps at most so many results: about 4 MB. */
const MAX_RESULTS = 16_384;
/** Results for longer texts are not kept. */
const MAX_TEXT_LENGTH = 256;

/**
 * Remembers the results of a function, for texts that recur.
 *
 * @param make a pure function
 * @returns the same function. It forgets all results when it is called with another context
 */
export function createTextMemo<Made>(
  make: (text: string, context: string) => Made,
): (text: string, context: string) => Made {
  const known = new Map<string, Made>();
  let last = '';
  return (text, context) => {
    if (text.length > MAX_TEXT_LENGTH) return make(text, context);
    if (context !== last || known.size >= MAX_RESULTS) known.clear();
    last = context;
    let made = known.get(text);
    if (made === undefined) {
      made = make(text, context);
      known.set(text, made);
    }
    return made;
  };
}
