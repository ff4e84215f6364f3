/** Publishing bytes that no client library sends: a subject is bytes to the server, and need not be text. */
import { createInbox } from '@nats-io/nats-core';
import { connect } from 'node:net';

/**
 * Resolves when the stream has stored it. An answer to PING would only say that the server has read it: the stream may
 * store it later than it answers a question about its state.
 */
export async function publishRaw(port: number, subject: Buffer, payload: Buffer): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  const inbox = createInbox();
  let heard = '';
  const stored = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the server hung up: ${heard}`)));
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      const answer = /\r\nMSG \S+ 1 \d+\r\n(?<ack>\{.*\})\r\n/.exec(heard)?.groups?.['ack'];
      if (answer === undefined) return;
      if (answer.includes('"seq":')) resolve();
      else reject(new Error(`not stored: ${answer}`));
    });
  });
  const line = Buffer.concat([Buffer.from('PUB '), subject, Buffer.from(` ${inbox} ${payload.length}\r\n`)]);
  socket.write(Buffer.from('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n'));
  socket.write(Buffer.from(`SUB ${inbox} 1\r\n`));
  socket.write(Buffer.concat([line, payload, Buffer.from('\r\nPING\r\n')]));
  try {
    await stored;
  } finally {
    socket.destroy();
  }
}
