import type { Middleware } from 'koa';

const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/**
 * Prepends the prefix under which a gateway serves this API (`X-Forwarded-Prefix: /scheduler`) to the paths in the headers
 * `Location` and `Link`. Ignores the prefix unless a trusted proxy is configured.
 */
export function pathPrefix(): Middleware {
  return async (context, next) => {
    await next();
    const prefix = context.get('x-forwarded-prefix').replace(/\/$/, '');
    if (!context.app.proxy || !PREFIX.test(prefix)) return;
    const { location, link } = context.response.headers;
    if (typeof location === 'string' && location.startsWith('/')) context.set('Location', prefix + location);
    if (typeof link === 'string') context.set('Link', link.replace(/^<\//, `<${prefix}/`));
  };
}
