/** A stretch of network before a server on this machine: it can be cut, freeze, and refuse. */
import {once} from 'node:events';
import net, {type AddressInfo, type Socket} from 'node:net';

/** open passes bytes, frozen accepts connections and passes nothing, refusing resets every connection at once. */
export type NetworkState = 'open' | 'frozen' | 'refusing';

type Pair = {readonly outer: Socket; readonly inner: Socket; readonly thaw: readonly (() => void)[]};

export class Network {
  readonly port: number;
  readonly #server: net.Server;
  readonly #pairs = new Set<Pair>();
  #state: NetworkState = 'open';
  #connections = 0;

  /** Listens on a free port, and connects each that comes to the port of a server. */
  static async before(target: number): Promise<Network> {
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Network(server, target);
  }

  private constructor(server: net.Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', outer => this.#accept(outer, target));
  }

  /** How many have come to be since the beginning, whatever became of them. */
  get connections(): number {
    return this.#connections;
  }

  get state(): NetworkState {
    return this.#state;
  }

  /** What was on its way while it was frozen arrives when it opens again, unless its sender has reset the connection. */
  set state(state: NetworkState) {
    this.#state = state;
    if (state === 'refusing') this.cut();
    if (state === 'open') for (const {thaw} of this.#pairs) for (const each of thaw) each();
  }

  /** Resets the connection to which the server sees this port as the peer's, or all there are. */
  cut(peer?: number): void {
    for (const {outer, inner} of this.#pairs) {
      if (peer === undefined || inner.localPort === peer) reset(outer, inner);
    }
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #accept(outer: Socket, target: number): void {
    if (this.#state === 'refusing') {
      outer.on('error', () => {}).resetAndDestroy();
      return;
    }
    const inner = net.connect(target, '127.0.0.1');
    const pair = {outer, inner, thaw: [this.#pass(outer, inner), this.#pass(inner, outer)]};
    this.#pairs.add(pair);
    this.#connections += 1;
    outer.once('close', () => this.#pairs.delete(pair));
  }

  /**
   * Passes what comes, and keeps it while frozen; returns what sends it on. A kernel goes on sending what a process has
   * written, be it closed since, but drops it when the connection is reset.
   */
  #pass(from: Socket, to: Socket): () => void {
    const kept: Buffer[] = [];
    let hasEnded = false;
    from.setNoDelay();
    from.on('data', (chunk: Buffer) => {
      if (this.#state === 'frozen') kept.push(chunk);
      else if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.once('end', () => {
      hasEnded = true;
      if (this.#state !== 'frozen') to.end();
    });
    from.on('error', () => {});
    from.once('close', () => {
      if (!hasEnded) to.destroy();
    });
    return () => {
      for (const chunk of kept.splice(0)) to.write(chunk);
      if (hasEnded) to.end();
    };
  }
}

/** A socket that is about to end can't be reset, and would stay for ever. */
function reset(outer: Socket, inner: Socket): void {
  if (outer.writableEnded) outer.destroy();
  else outer.resetAndDestroy();
  inner.destroy();
}
