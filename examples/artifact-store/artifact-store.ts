/**
 * A content-addressed store over HTTP: `PUT /cas/:digest`, `GET /cas/:digest`.
 *
 * It shows how a service uses the publisher: it calls `audit.emit`, and nothing else. Each call comes after its
 * operation has succeeded, or has failed on the way; then the event says how much was moved. The store waits for no
 * event, and no event can fail. Without a NATS server the store behaves the same.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { artifactDownloaded, artifactUploaded, type Publisher } from '@waybill/publisher';
import { type BlobFolder, type BlobKey, type Moved, openBlobFolder } from './blob-folder.ts';

export interface ArtifactStoreOptions {
  /** Where the artifacts are kept. */
  readonly folder: string;
  /** The caller closes it, after the store, so that the events of the last requests are sent too. */
  readonly audit: Publisher;
  /** Default: a free one. */
  readonly port?: number;
}

export interface ArtifactStore extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Finishes the requests that are under way, and emits their events. */
  close(): Promise<void>;
}

const BACKEND = 'FOLDER';

export async function startArtifactStore({ folder, audit, port = 0 }: ArtifactStoreOptions): Promise<ArtifactStore> {
  const blobs = await openBlobFolder(folder);
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const run = handle({ blobs, audit, request, response })
      .catch((error: unknown) => fail(response, error))
      .finally(() => running.delete(run));
    running.add(run);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
    // A client that went away may have left a complete upload that is about to be stored.
    await Promise.all(running);
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close, [Symbol.asyncDispose]: close };
}

interface Exchange {
  readonly blobs: BlobFolder;
  readonly audit: Publisher;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Who asks for what; also attributes of the events. */
interface Subject extends BlobKey {
  readonly actortype: 'USER';
  readonly actorid: string;
}

async function handle(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const digest = /^\/cas\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
  if (digest === undefined) return answer(response, 404, 'expected /cas/sha256:<64 hexadecimal digits>');
  // As a gateway sets them once it has authenticated the caller.
  const orgid = header(request, 'x-organization');
  const actorid = header(request, 'x-actor');
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(orgid) || actorid === '') {
    return answer(response, 401, 'expected x-organization and x-actor');
  }
  const subject: Subject = { orgid, digest, actortype: 'USER', actorid };
  if (request.method === 'PUT') return upload(exchange, subject);
  if (request.method === 'GET') return download(exchange, subject);
  response.setHeader('allow', 'GET, PUT');
  return answer(response, 405, 'expected GET or PUT');
}

async function upload({ blobs, audit, request, response }: Exchange, subject: Subject): Promise<void> {
  const about = { ...subject, ...fileName(request), backend_type: BACKEND };
  const present = await blobs.size(subject);
  if (present !== null) {
    // node:http reads and drops the rest of the body, if the client sends it anyway.
    answer(response, 200, 'present');
    audit.emit(artifactUploaded({ ...about, size_bytes: present, skipped: true }));
    return;
  }
  const moved = { bytes: 0 };
  const failed = (): void =>
    audit.emit(artifactUploaded({ ...about, outcome: 'failure', transferred_bytes: moved.bytes }));
  const result = await blobs.put(subject, request, moved).catch((error: unknown) => {
    failed();
    throw error;
  });
  if (result.outcome === 'mismatch') {
    answer(response, 400, `the content is ${result.actual}`);
    return failed();
  }
  const skipped = result.outcome === 'present';
  answer(response, skipped ? 200 : 201, result.outcome);
  audit.emit(artifactUploaded({ ...about, size_bytes: result.bytes, skipped }));
}

async function download({ blobs, audit, request, response }: Exchange, subject: Subject): Promise<void> {
  const bytes = await blobs.size(subject);
  if (bytes === null) return answer(response, 404, 'no such artifact');
  const about = { ...subject, ...fileName(request), size_bytes: bytes, backend_type: BACKEND };
  const moved = { bytes: 0 };
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
  try {
    await pipeline(blobs.read(subject), counted(moved), response);
  } catch (error) {
    // The client went away before the last byte: what it had got by then is what it owes.
    audit.emit(artifactDownloaded({ ...about, outcome: 'failure', transferred_bytes: moved.bytes }));
    throw error;
  }
  audit.emit(artifactDownloaded(about));
}

/** Counts the bytes that the next stream has taken. */
function counted(moved: Moved) {
  return async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      yield chunk;
      moved.bytes += chunk.length;
    }
  };
}

/** For readers of the trail. The digest is what identifies an artifact. */
function fileName(request: IncomingMessage): { file_name?: string } {
  const name = header(request, 'x-file-name');
  return name === '' ? {} : { file_name: name };
}

function header({ headers }: IncomingMessage, name: string): string {
  return String(headers[name] ?? '');
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(`${text}\n`);
}

function fail(response: ServerResponse, error: unknown): void {
  // The client went away, or has part of an answer: nobody is left to tell.
  if (response.destroyed || response.headersSent) return void response.destroy();
  console.error('artifact-store:', error);
  answer(response, 500, 'internal error');
}
