/** Remembers what was made of texts that come again and again, in bounded memory: about 4 MB each. */
const MOST = 16_384;
const LONGEST = 256;

/**
 * @param make pure
 * @returns the same function of a text; it forgets everything when the context is another one
 */
export function createTextMemo<Made>(
  make: (text: string, context: string) => Made,
): (text: string, context: string) => Made {
  const known = new Map<string, Made>();
  let last = '';
  return (text, context) => {
    if (text.length > LONGEST) return make(text, context);
    if (context !== last || known.size >= MOST) known.clear();
    last = context;
    let made = known.get(text);
    if (made === undefined) {
      made = make(text, context);
      known.set(text, made);
    }
    return made;
  };
}
