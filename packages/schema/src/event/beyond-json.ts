/**
 * Finds parts of a zod schema that no JSON value satisfies. Events are JSON, so an event of a type with such a part
 * could never be emitted. The type is refused when it is defined, before an event is lost.
 */
import type * as z from 'zod';

/** `input` is what a service gives. `output` is what the schema makes of it, and what is published. */
type Side = 'input' | 'output';

const NEVER_JSON: ReadonlySet<string> = new Set([
  'bigint',
  'date',
  'file',
  'function',
  'map',
  'nan',
  'promise',
  'set',
  'symbol',
]);

/** @returns the first type that is no JSON, with its place, e.g. `date in released.at`; null: there is none */
export function beyondJson(data: z.core.$ZodType): string | null {
  return find(data, 'input', []) ?? find(data, 'output', []);
}

type Def = z.core.$ZodTypeDef & {
  readonly coerce?: boolean;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly left?: z.core.$ZodType;
  readonly right?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly keyType?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
  readonly rest?: z.core.$ZodType | null;
  readonly items?: readonly z.core.$ZodType[];
  readonly options?: readonly z.core.$ZodType[];
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly values?: readonly unknown[];
  readonly getter?: () => z.core.$ZodType;
};

function find(
  schema: z.core.$ZodType,
  side: Side,
  path: readonly string[],
  seen: ReadonlySet<unknown> = new Set(),
): string | null {
  const def = schema._zod.def as Def;
  const { type } = def;
  if (NEVER_JSON.has(type)) {
    // z.coerce.date() accepts a text, and makes a Date of it.
    if (def.coerce === true && side === 'input') return null;
    return `${type}${path.length > 0 ? ` in ${path.join('.')}` : ''}`;
  }
  // A schema may contain itself.
  if (seen.has(schema)) return null;
  const within = new Set([...seen, schema]);
  const first = (children: readonly (z.core.$ZodType | null | undefined)[]): string | null => {
    for (const child of children) {
      const found = child ? find(child, side, path, within) : null;
      if (found !== null) return found;
    }
    return null;
  };
  switch (type) {
    case 'object':
      for (const [name, member] of Object.entries(def.shape ?? {})) {
        const found = find(member, side, [...path, name], within);
        if (found !== null) return found;
      }
      return null;
    case 'union': {
      const found = (def.options ?? []).map((option) => find(option, side, path, within));
      return found.every((one) => one !== null) ? (found[0] ?? null) : null;
    }
    case 'literal':
      return (def.values ?? []).every((value) => typeof value === 'bigint') ? `bigint in ${path.join('.')}` : null;
    case 'pipe':
      return first([side === 'input' ? def.in : def.out]);
    case 'lazy':
      return first([def.getter?.()]);
    default:
      return first([
        def.innerType,
        def.left,
        def.right,
        def.element,
        def.keyType,
        def.valueType,
        def.rest,
        ...(def.items ?? []),
      ]);
  }
}
