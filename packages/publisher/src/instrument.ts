/** `@waybill/publisher/instrument`: events from code that runs, decides, or answers on behalf of a user. */
import './check-node.ts';
export { type AutoCapture, autoCapture, type AutoCaptureOptions } from './instrument/auto-capture.ts';
export {
  type Decision,
  decision,
  type DecisionActor,
  type DecisionOptions,
  type Oversight,
} from './instrument/decision.ts';
export { getDefaultPublisher, setDefaultPublisher } from './instrument/default-publisher.ts';
export {
  type Actor,
  type Claims,
  type DispatchedFields,
  dispatcher,
  type Dispatcher,
  type DispatcherOptions,
  type DispatcherStats,
} from './instrument/dispatcher.ts';
export { type LazySize, lazySize, type LazySizeOptions } from './instrument/lazy-size.ts';
export { audited, type ErrorDescription, lifecycle, type LifecycleOptions, timed } from './instrument/lifecycle.ts';
export { withFlush, type WithFlushOptions } from './instrument/with-flush.ts';
export {
  decisionEnded,
  decisionRecorded,
  decisionReviewed,
  decisionStarted,
  requestHandled,
  runFailed,
  runFinished,
  runStarted,
} from '@waybill/schema';
