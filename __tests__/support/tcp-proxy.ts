import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const ADDRESS = '127.0.0.1';

/** Both ends of one connection through a proxy. */
export interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** As a broken cable that both ends notice. */
  cut(): void;
}

/** What becomes of the bytes that arrive; nobody else passes them on. */
export interface LineHandler {
  fromClient(bytes: Buffer, line: Line): void;
  fromServer(bytes: Buffer, line: Line): void;
}

export interface TcpProxy {
  readonly port: number;
  /** Cuts every connection there is. */
  cutAll(): void;
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1 in front of another port there; each connection is looked after by a handler of its own. */
export const startTcpProxy = async (target: number, createHandler: () => LineHandler): Promise<TcpProxy> => {
  const lines = new Set<Line>();
  const server = createServer((client) => {
    const remote = connect(target, ADDRESS);
    const handler = createHandler();
    const line: Line = {
      client,
      server: remote,
      cut: () => {
        lines.delete(line);
        client.destroy();
        remote.destroy();
      },
    };
    lines.add(line);
    client.on('data', (bytes) => handler.fromClient(bytes, line));
    remote.on('data', (bytes) => handler.fromServer(bytes, line));
    for (const socket of [client, remote]) socket.on('error', line.cut).on('close', line.cut);
  });
  server.listen(0, ADDRESS);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const cutAll = (): void => {
    for (const line of lines) line.cut();
  };
  return {
    port: address.port,
    cutAll,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      cutAll();
      await closed;
    },
  };
};
