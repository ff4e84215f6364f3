/** `@waybill/publisher/sinks`: other places for events than a NATS server. */
import './check-node.ts';
export { type EnvironmentSinkOptions, sinkFromEnvironment } from './sinks/environment-sink.ts';
export { type FileCloseResult, type FileSink, fileSink, type FileSinkStats } from './sinks/file-sink.ts';
export type { FileSinkOptions } from './sinks/file-sink-options.ts';
export { nullSink } from './sinks/null-sink.ts';
export { teeSink } from './sinks/tee-sink.ts';
export type { Sink } from './sink.ts';
