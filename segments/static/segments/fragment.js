// Ask anew, while somebody types, for the part of a page that changes, and put it in place of what is shown.

const NOT_CONNECTED = "Not connected. What you typed is kept on this page.";
const SLOW = 1000; // milliseconds

// `request()` gives the address and the options of what is asked; `drawn(address)` is called when the answer is shown.
// `words`: what is said while it takes long (slow), to who is signed out (signedOut), and where it fails (failed).
export function asking({ shown, state, pause, words, request, drawn }) {
  let waiting = 0;
  let running = null;

  async function fragment(address, options, signal) {
    const response = await fetch(address, { ...options, headers: { Accept: "text/vnd.fragment" }, signal });
    if (response.redirected || response.status === 403) throw new Error(words.signedOut);
    if (!response.ok) throw new Error(words.failed);
    return response.text();
  }

  function stop() {
    window.clearTimeout(waiting);
    running?.abort();
  }

  async function ask() {
    stop();
    running = new AbortController();
    const { signal } = running;
    const slow = window.setTimeout(() => (state.textContent = words.slow), SLOW);
    try {
      const [address, options] = request();
      const html = await fragment(address, options, signal);
      if (signal.aborted) return;
      shown.innerHTML = html;
      state.textContent = shown.querySelector("[data-said]")?.dataset.said ?? "";
      drawn(address);
    } catch (error) {
      if (error.name === "AbortError") return;
      state.textContent = error instanceof TypeError ? NOT_CONNECTED : error.message;
    } finally {
      window.clearTimeout(slow);
    }
  }

  function later() {
    stop();
    waiting = window.setTimeout(ask, pause);
  }

  return { ask, later };
}
