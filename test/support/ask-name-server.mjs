// For `NODE_OPTIONS=--import`: a process looks names up at the name server of a test (name-server.ts), not at its machine's.
import dns from 'node:dns';
import { isIP } from 'node:net';

const resolver = new dns.Resolver();
resolver.setServers([process.env.TEST_NAME_SERVER]);

dns.lookup = (name, options, callback = options) => {
  const isAll = typeof options === 'object' && options.all === true;
  const answer = (error, addresses = []) => {
    if (error) return callback(error);
    const [address] = addresses;
    return isAll
      ? callback(
          null,
          addresses.map((each) => ({ address: each, family: 4 })),
        )
      : callback(null, address, 4);
  };
  if (isIP(name)) process.nextTick(answer, null, [name]);
  else resolver.resolve4(name, answer);
};
