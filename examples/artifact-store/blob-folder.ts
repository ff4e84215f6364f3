/**
 * Artifacts in a folder, by organization and digest: `<folder>/organizations/<orgid>/<2 hex>/<62 hex>`. A capital `A`
 * in an organization is `!a` there, so that `Acme` and `acme` are two folders on every disk.
 *
 * An organization sees only what it has put itself. If organizations shared contents, whoever knows a digest could find
 * out that somebody else has the artifact.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface BlobKey {
  readonly orgid: string;
  /** `sha256:<64 hex>`, checked by the caller, as `orgid` is. */
  readonly digest: string;
}

/** Bytes transferred so far. */
export interface Moved {
  bytes: number;
}

export type PutResult =
  | { readonly outcome: 'stored' | 'present'; readonly bytes: number }
  /** Nothing was stored. */
  | { readonly outcome: 'mismatch'; readonly actual: string };

export interface BlobFolder {
  /** Size in bytes; null when it is not there. */
  size(key: BlobKey): Promise<number | null>;
  /** Stores content that hashes to the digest, and updates `moved`. Rejects, and stores nothing, if it ends early. */
  put(key: BlobKey, content: Readable, moved: Moved): Promise<PutResult>;
  read(key: BlobKey): Readable;
}

const UPLOAD = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.upload$/;

export async function openBlobFolder(folder: string): Promise<BlobFolder> {
  const incoming = join(folder, 'incoming');
  await mkdir(incoming, { recursive: true });
  // Removes what an earlier run did not finish. Everything else there belongs to somebody else.
  for (const entry of await readdir(incoming, { withFileTypes: true })) {
    if (entry.isFile() && UPLOAD.test(entry.name)) await rm(join(incoming, entry.name), { force: true });
  }

  function pathOf({ orgid, digest }: BlobKey): string {
    const hex = digest.slice('sha256:'.length);
    const name = orgid.replaceAll(/[A-Z]/g, (capital) => `!${capital.toLowerCase()}`);
    return join(folder, 'organizations', name, hex.slice(0, 2), hex.slice(2));
  }

  return {
    size: (key) => stat(pathOf(key)).then(({ size }) => size, absent),
    async put(key, content, moved) {
      const temporary = join(incoming, `${randomUUID()}.upload`);
      try {
        const digest = await save(content, temporary, moved);
        if (digest !== key.digest) return { outcome: 'mismatch', actual: digest };
        const path = pathOf(key);
        await mkdir(dirname(path), { recursive: true });
        // The file appears complete or not at all, as with a rename. But a rename would not tell which of two was
        // first.
        const first = await link(temporary, path).then(() => true, present);
        return { outcome: first ? 'stored' : 'present', bytes: moved.bytes };
      } finally {
        await rm(temporary, { force: true });
      }
    },
    read: (key) => createReadStream(pathOf(key)),
  };
}

/** Writes and hashes in one pass, with one chunk in memory at a time. */
async function save(content: Readable, file: string, moved: Moved): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(
    content,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        moved.bytes += chunk.length;
        yield chunk;
      }
    },
    // Syncs before the file gets its name: a power failure must not leave a name without its content.
    createWriteStream(file, { flush: true }),
  );
  return `sha256:${hash.digest('hex')}`;
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

function present(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false;
  throw error;
}
