/** `@waybill/publisher/testing`: a sink that keeps events in memory, for the tests of a service. */
import './check-node.ts';
export { type Fault, type Match, type MemorySink, memorySink, type MemorySinkOptions } from './sinks/memory-sink.ts';
