import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Router } from '@koa/router';
import type { Middleware } from 'koa';
import type { RequestState } from './middleware/request-context.ts';

// All addresses are relative, because a gateway may serve the page under a prefix.
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Durable job scheduler – API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START = `window.ui = SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
`;

const FILES: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
  'favicon-32x32.png': 'image/png',
};

// Swagger UI sets inline styles, and its images are data URLs.
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * Serves the OpenAPI document, and Swagger UI from the files of its package, so that it works offline. Each request passes
 * the `guards` first.
 */
export function serveDocs(
  router: Router<RequestState>,
  document: unknown,
  guards: Middleware<RequestState>[],
): void {
  const folder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const serve = (url: string, type: string, content: string | Buffer) => {
    router.get(url, ...guards, (context) => {
      context.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
      context.type = type;
      context.body = content;
    });
  };
  serve('/openapi.json', 'application/json', JSON.stringify(document, null, 2));
  serve('/docs', 'text/html', PAGE);
  serve('/docs/start.js', 'text/javascript', START);
  for (const [name, type] of Object.entries(FILES))
    serve(`/docs/${name}`, type, readFileSync(path.join(folder, name)));
}
