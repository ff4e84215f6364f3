/** Publishing bytes that no client library sends: a subject is bytes to the server, and need not be text. */
import { connect } from 'node:net';

/** Resolves when the server has taken it in: it answers in the order in which it was asked. */
export async function publishRaw(port: number, subject: Buffer, payload: Buffer): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  let heard = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`the server hung up: ${heard}`)));
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (heard.includes('PONG\r\n')) resolve();
    });
  });
  const line = Buffer.concat([Buffer.from('PUB '), subject, Buffer.from(` ${payload.length}\r\n`)]);
  socket.write(Buffer.from('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n'));
  socket.write(Buffer.concat([line, payload, Buffer.from('\r\nPING\r\n')]));
  try {
    await answered;
  } finally {
    socket.destroy();
  }
}
