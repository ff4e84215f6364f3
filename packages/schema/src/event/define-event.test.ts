import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { defineEvent, type EventDraft } from './define-event.ts';
import { artifactDownloaded, artifactUploaded } from './types/artifact.ts';

const approved = defineEvent({
  type: 'release.approved',
  data: z.object({ version: z.string(), note: z.string().optional() }),
});

describe('defineEvent', () => {
  it('makes drafts that carry type and fields as they are', () => {
    const fields = { orgid: 'acme', version: '1.0' };
    const draft = approved(fields);
    expect(draft).toEqual({ type: 'release.approved', fields });
    expect(draft.fields).toBe(fields);
  });

  it('is typed from end to end', () => {
    expectTypeOf(approved.type).toEqualTypeOf<'release.approved'>();
    expectTypeOf(approved({ orgid: 'acme', version: '1' })).toExtend<EventDraft<'release.approved'>>();
    expectTypeOf<z.infer<typeof approved.data>>().toEqualTypeOf<{ version: string; note?: string | undefined }>();
    expectTypeOf(approved).toBeCallableWith({ orgid: 'acme', version: '1', actortype: 'USER', time: new Date() });
    // @ts-expect-error: version is missing
    approved({ orgid: 'acme' });
    // @ts-expect-error: orgid is missing
    approved({ version: '1' });
    // @ts-expect-error: no such actor type
    approved({ orgid: 'acme', version: '1', actortype: 'ROBOT' });
    // @ts-expect-error: no such member
    approved({ orgid: 'acme', version: '1', colour: 'red' });
    // @ts-expect-error: a size is a number
    artifactUploaded({ orgid: 'acme', digest: 'sha256:', size_bytes: '1' });
    // @ts-expect-error: a download is never skipped
    artifactDownloaded({ orgid: 'acme', digest: 'sha256:', skipped: true });
    expectTypeOf(
      artifactUploaded({ orgid: 'acme', digest: 'sha256:', skipped: true }).type,
    ).toEqualTypeOf<'casartifact.uploaded'>();
  });

  it.each(['', 'approved', 'a.b.c', 'Release.approved', 'release.approved ', 'release.>'])(
    'refuses the type %j',
    (type) => {
      expect(() => defineEvent({ type, data: z.object({}) })).toThrow(
        expect.objectContaining({
          code: 'BAD_DEFINITION',
          message: expect.stringContaining(JSON.stringify(type)),
        }) as Error,
      );
    },
  );

  it.each(['orgid', 'time', 'data', 'producerseq', 'subject'])(
    'refuses data with the member %s, which is an attribute',
    (member) => {
      expect(() => defineEvent({ type: 'a.b', data: z.object({ [member]: z.string() }) })).toThrow(
        `a.b: data member "${member}" has the name of an attribute`,
      );
    },
  );

  it.each<[string, z.ZodRawShape]>([
    ['date in at', { at: z.date() }],
    ['date in at', { at: z.date().optional() }],
    ['date in at', { at: z.coerce.date() }],
    ['date in at', { at: z.string().pipe(z.coerce.date()) }],
    ['date in at', { at: z.preprocess(String, z.date()) }],
    ['date in at', { at: z.date().default(new Date(0)) }],
    ['date in a.b.c', { a: z.object({ b: z.array(z.object({ c: z.date() })) }) }],
    ['bigint in size', { size: z.bigint() }],
    ['bigint in size', { size: z.int64() }],
    ['bigint in size', { size: z.coerce.bigint().nullable() }],
    ['bigint in size', { size: z.bigint().transform(String) }],
    ['bigint in size', { size: z.literal(1n) }],
    ['map in m', { m: z.map(z.string(), z.string()) }],
    ['set in m', { m: z.set(z.string()) }],
    ['date in m', { m: z.record(z.string(), z.date()) }],
    ['date in m', { m: z.union([z.date(), z.bigint()]) }],
    ['symbol in m', { m: z.tuple([z.string(), z.symbol()]) }],
    ['nan in m', { m: z.nan() }],
    ['function in m', { m: z.function() }],
  ])('refuses %s, which JSON cannot say', (found, shape) => {
    expect(() => defineEvent({ type: 'a.b', data: z.object(shape) })).toThrow(
      expect.objectContaining({
        code: 'BAD_DEFINITION',
        message: `a.b: ${found} is nothing that JSON can say`,
      }) as Error,
    );
  });

  it('takes what JSON can say, and transforms to it', () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree);
      },
    });
    const data = z.object({
      tree,
      json: z.json(),
      any: z.unknown(),
      either: z.union([z.string(), z.date()]),
      none: z.never().optional(),
      day: z.iso.date(),
      upper: z.string().transform((text) => text.toUpperCase()),
      trimmed: z.string().trim(),
      flag: z.stringbool(),
      kind: z.literal(['a', null, 1]),
    });
    expect(() => defineEvent({ type: 'a.b', data })).not.toThrow();
  });
});

it('a member that is no part of a definition is refused, whatever it was meant for', () => {
  const definition = { type: 'release.approved', data: z.object({}), schema: z.object({}) };
  expect(() => defineEvent(definition)).toThrow(
    expect.objectContaining({
      code: 'BAD_DEFINITION',
      message: 'defineEvent: schema is no option: expected type, data, actorRequired',
    }),
  );
});
