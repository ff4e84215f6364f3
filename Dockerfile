# The consumer: `waybill serve`, or any other waybill command as the container's arguments.
FROM node:26-slim AS build
WORKDIR /src
# Manifests first: the layer with the dependencies changes only when they do.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages/schema/package.json packages/schema/
COPY packages/verify/package.json packages/verify/
COPY packages/consumer/package.json packages/consumer/
RUN npx --yes pnpm@12.21.0 install --frozen-lockfile --ignore-scripts --filter waybill --filter '@waybill/consumer...'
COPY tsconfig.base.json ./
COPY packages/schema packages/schema
COPY packages/verify packages/verify
COPY packages/consumer packages/consumer
RUN node_modules/.bin/tsc --build packages/consumer/tsconfig.build.json
# A folder with the package, its production dependencies and nothing else.
RUN npx --yes pnpm@12.21.0 --filter @waybill/consumer deploy --prod --legacy --ignore-scripts /app

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app ./
# The image's own unprivileged user; the consumer keeps no state outside NATS, so it needs to write nowhere.
USER node
# Set by `waybill serve`; a one-shot command has ended before anybody asks.
ENV WAYBILL_HTTP_HOST=0.0.0.0 WAYBILL_HTTP_PORT=8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=6 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.WAYBILL_HTTP_PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# What V8 is told about memory: docs/reference/operations.md, "Memory of waybill serve".
ENTRYPOINT ["node", "--min-semi-space-size=16", "--max-semi-space-size=16", "--heap-growing-percent=70", "--no-allocation-site-pretenuring", "dist/cli.js"]
CMD ["serve"]
