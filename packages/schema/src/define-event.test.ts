import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { artifactDownloaded, artifactUploaded } from './artifact.ts';
import { defineEvent, type EventDraft } from './define-event.ts';

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

  it.each(['orgid', 'time', 'data', 'sequence', 'subject'])(
    'refuses data with the member %s, which is an attribute',
    (member) => {
      expect(() => defineEvent({ type: 'a.b', data: z.object({ [member]: z.string() }) })).toThrow(
        `a.b: data member "${member}" has the name of an attribute`,
      );
    },
  );
});

it('a member that is no part of a definition is refused, whatever it was meant for', () => {
  const definition = { type: 'release.approved', data: z.object({}), schema: z.object({}) };
  expect(() => defineEvent(definition)).toThrow(
    expect.objectContaining({
      code: 'BAD_DEFINITION',
      message: 'defineEvent: schema is no option: expected type, data',
    }),
  );
});
