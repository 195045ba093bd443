import { expect, test } from '@jest/globals';
import { findUrlFault } from '../../domain/target-url.ts';

test.each([
  'https://example.com',
  'http://example.com:80/',
  'https://example.com:443/',
  'http://example.com:443/',
  'http://example.com:8080/hooks?x=1#y',
  'https://example.com:65535/',
  'http://10.0.0.1:8000/',
  'https://bücher.example/',
])('%s is a URL that a job may call', (url) => {
  expect(findUrlFault(url)).toBeUndefined();
});

test.each([0, 1, 21, 22, 23, 25, 53, 110, 143, 587, 993, 2049, 4190, 5061, 6000, 6665, 6669, 6697, 10_080])(
  'port %d belongs to another protocol',
  (port) => {
    const fault = `port ${port} belongs to another protocol than HTTP, and is not called (Fetch standard, "bad port")`;
    expect(findUrlFault(`http://example.com:${port}/`)).toBe(fault);
    expect(findUrlFault(`https://example.com:000${port}/`)).toBe(fault);
  },
);

test('credentials are refused without being repeated', () => {
  for (const url of ['http://user:s3cret@example.com/', 'http://s3cret@example.com:25/']) {
    expect(findUrlFault(url)).toMatch(/holds credentials/);
    expect(findUrlFault(url)).not.toMatch(/s3cret/);
  }
});

test.each(['ftp://example.com/', 'ws://example.com/', 'file:///etc/passwd', 'unix:/run/docker.sock'])(
  '%s is of another scheme',
  (url) => {
    expect(findUrlFault(url)).toMatch(/is no http or https URL/);
  },
);
