/** Answers that come in pages, as one sequence. */
import type { Input, OperationName, Output } from '@waybill/schema/api';
import { ClientError } from '../error.ts';
import type { PageOptions } from '../options.ts';
import { ask } from './ask.ts';
import type { Context } from './context.ts';

const PAGE_SIZE = 100;
/** The rows whose input has a `limit`. */
export type PagedName = { [Name in OperationName]: 'limit' extends keyof Input<Name> ? Name : never }[OperationName];

/**
 * All pages, one after the other. A page that would be too large for its transport is asked for again at half the size.
 *
 * @param rest of the question for the next page; null: this was the last one
 */
export async function* pagesOf<Name extends PagedName>(
  context: Context,
  asked: {
    readonly operation: Name;
    readonly input: Readonly<Record<string, string>>;
    readonly rest: (page: Output<Name>) => Readonly<Record<string, string>> | null;
  },
  options: PageOptions,
): AsyncGenerator<Output<Name>> {
  const { operation, rest } = asked;
  let { input } = asked;
  let limit = options.pageSize ?? PAGE_SIZE;
  for (;;) {
    let page: Output<Name>;
    try {
      page = await ask(context, { operation, input: { ...input, limit: String(limit) } }, options);
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'TOO_LARGE' || limit < 2) throw error;
      limit = Math.floor(limit / 2);
      continue;
    }
    yield page;
    const more = rest(page);
    if (more === null) return;
    input = { ...input, ...more };
  }
}

/**
 * What pages have of each organization, by name, each once.
 *
 * @param after where the first page begins
 * @throws ClientError BAD_ANSWER for what does not follow the one before: pages would go on for ever, or count twice
 */
export async function* byName<Item extends { readonly orgid: string }>(
  pages: AsyncIterable<{ readonly organizations: readonly Item[] }>,
  after = '',
): AsyncGenerator<Item> {
  let last = after;
  for await (const page of pages) {
    const { organizations } = page as Partial<typeof page>;
    if (!Array.isArray(organizations)) throw new ClientError('BAD_ANSWER', 'the answer is no page of organizations');
    for (const item of organizations as readonly Item[]) {
      const { orgid } = (item ?? {}) as Partial<Item>;
      if (typeof orgid !== 'string' || orgid <= last)
        throw new ClientError('BAD_ANSWER', `an organization after ${last} was expected, and ${String(orgid)} came`);
      last = orgid;
      yield item;
    }
    if (organizations.length === 0 && 'next' in page)
      throw new ClientError('BAD_ANSWER', 'a page without organizations says that more follow');
  }
}
