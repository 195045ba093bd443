# One image for the API, the worker and the migration; the command says which (see docker-compose.yml).
# Temporal's native library needs glibc: a slim Debian, never Alpine.
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package of ours needs its install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.11.1-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules ./node_modules
COPY --from=build --chown=root:root /app/dist ./dist
# The user "node", as a number, so that Kubernetes can see that it is not root.
USER 1000
EXPOSE 8000 8001
# Node itself is the process that gets SIGTERM: no npm, no shell in between.
CMD ["node", "dist/api/main.js"]
