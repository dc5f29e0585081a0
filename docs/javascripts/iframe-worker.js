// Browsers give a page that is opened from the disk no worker, and the search is one.
// There it runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html>";
      frame.onload = async () => {
        const inside = frame.contentWindow;
        const load = (source) =>
          new Promise((resolve, reject) => {
            const script = inside.document.createElement("script");
            Object.assign(script, { src: source, onload: resolve, onerror: reject });
            inside.document.body.append(script);
          });
        inside.importScripts = (...urls) => Promise.all(urls.map(load));
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        await load(url);
        this.inside = inside;
        this.waiting.forEach((data) => this.postMessage(data));
      };
      document.body.append(frame);
    }

    postMessage(data) {
      if (this.inside) this.inside.dispatchEvent(new MessageEvent("message", { data }));
      else this.waiting.push(data);
    }
  };
}
