import { createSocket } from 'node:dgram';
import { decode, encode, type Packet } from 'dns-packet';

/** A DNS server for one name, whose addresses a test can change. */
export interface NameServer {
  /** As `address:port`. */
  address: string;
  addresses: string[];
  stop: () => Promise<void>;
}

/** Answers queries for `name` with its current addresses, and all others with NXDOMAIN. */
export async function startNameServer(name: string, addresses: string[]): Promise<NameServer> {
  const socket = createSocket('udp4');
  const server: NameServer = {
    address: '',
    addresses,
    stop: () => new Promise((resolve) => socket.close(resolve)),
  };
  socket.on('message', (message, sender) => {
    const { id, questions = [] } = decode(message);
    const isKnown = questions[0]?.name === name;
    const answer: Packet = {
      type: 'response',
      ...(id === undefined ? {} : { id }),
      // The lowest bits of the flags hold the response code: 3 is NXDOMAIN.
      flags: isKnown ? 0 : 3,
      questions,
      answers:
        isKnown && questions[0]?.type === 'A'
          ? server.addresses.map((data) => ({ type: 'A' as const, name, ttl: 1, data }))
          : [],
    };
    socket.send(encode(answer), sender.port, sender.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  server.address = `127.0.0.1:${socket.address().port}`;
  return server;
}
