/**
 * The ceiling of acknowledged publishing: a bare socket that sends messages made beforehand, with ids and replies, at
 * most `window` of them unacknowledged, and does nothing with the acknowledgements but count them. Nothing that waits
 * for acknowledgements from this server can be faster.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const INBOX = '_INBOX.bench';
/** Messages in one write. */
const BATCH = 128;

/** @returns a function that sends messages and resolves when all are acknowledged */
export async function openRawPublisher(url: string, window: number) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await once(socket, 'data');
  socket.write(`CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB ${INBOX}.* 1\r\nPING\r\n`);
  await once(socket, 'data');
  return { send: (messages: readonly Buffer[]) => send(socket, messages, window), close: () => void socket.destroy() };
}

/** An `HPUB` of one event. */
export function rawMessage(subject: string, id: string, text: string): Buffer {
  const header = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`;
  const lengths = `${header.length} ${header.length + Buffer.byteLength(text)}`;
  return Buffer.from(`HPUB ${subject} ${INBOX}.1 ${lengths}\r\n${header}${text}\r\n`);
}

function send(socket: Socket, messages: readonly Buffer[], window: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let acked = 0;
    const pump = (): void => {
      // In bursts, as everything that is fast does.
      if (sent - acked > window / 2) return;
      while (sent < messages.length && sent - acked < window) {
        const end = Math.min(sent + BATCH, acked + window, messages.length);
        socket.write(Buffer.concat(messages.slice(sent, end)));
        sent = end;
      }
    };
    const onData = (data: Buffer): void => {
      // An acknowledgement is two lines, `MSG …` and `{"stream":…}`; a line's end is never in two pieces' count twice.
      for (let at = data.indexOf(10); at !== -1; at = data.indexOf(10, at + 1)) lines++;
      if (data.includes('"error"')) return reject(new Error(data.toString()));
      acked = lines >> 1;
      if (acked < messages.length) return pump();
      socket.off('data', onData);
      resolve();
    };
    let lines = 0;
    socket.on('data', onData);
    pump();
  });
}
