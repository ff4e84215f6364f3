/** A task that anybody may ask for at any time, and that never runs twice at once. */
export interface CoalescedTask {
  /**
   * Runs the task. While it runs, further requests add up to one more run, which starts when the present one has ended:
   * what a request is about may have changed after the present run looked.
   */
  request(): void;
  /** No run starts any more. */
  close(): void;
}

/** @param onError hears of a failed run; the requests that came during that run are dropped with it */
export function createCoalescedTask(task: () => Promise<void>, onError: (error: unknown) => void): CoalescedTask {
  let isRunning = false;
  let isRequested = false;
  let isClosed = false;

  async function run(): Promise<void> {
    while (isRequested && !isClosed) {
      isRequested = false;
      await task();
    }
  }

  return {
    request() {
      isRequested = true;
      if (isRunning || isClosed) return;
      isRunning = true;
      run()
        .catch(onError)
        .finally(() => {
          isRunning = false;
        });
    },
    close() {
      isClosed = true;
    },
  };
}
