/** Espruino's promises, as a text to evaluate inside a board's context: a function of (later, unhandled) that returns
 *  the constructor. The host's own promises would run outside the board's clock and take the host down when unhandled. */
export const promiseText = `(function (later, unhandled) {
  function Promise(executor) {
    var p = this, s = { state: 0, value: undefined, waiting: [], handled: false };
    Object.defineProperty(p, "\\u0000state", { value: s });
    function settle(state, value) {
      if (s.state) return;
      s.state = state; s.value = value;
      if (state === 2) later(function () { if (!s.handled) unhandled(s.value); });
      s.waiting.forEach(run); s.waiting = [];
    }
    function run(w) { later(function () { w(s.state, s.value); }); }
    s.on = function (w) { s.handled = true; if (s.state) run(w); else s.waiting.push(w); };
    function resolve(v) {
      if (v !== null && (typeof v === "object" || typeof v === "function") && typeof v.then === "function") {
        try { v.then(resolve, reject); } catch (e) { reject(e); }
      } else settle(1, v);
    }
    function reject(e) { settle(2, e); }
    try { executor(resolve, reject); } catch (e) { reject(e); }
  }
  Promise.prototype.then = function (ok, bad) {
    var s = this["\\u0000state"];
    return new Promise(function (resolve, reject) {
      s.on(function (state, value) {
        var fn = state === 1 ? ok : bad;
        if (typeof fn !== "function") return state === 1 ? resolve(value) : reject(value);
        try { resolve(fn(value)); } catch (e) { reject(e); }
      });
    });
  };
  Promise.prototype["catch"] = function (bad) { return this.then(undefined, bad); };
  Promise.resolve = function (v) { return new Promise(function (r) { r(v); }); };
  Promise.reject = function (e) { return new Promise(function (_, r) { r(e); }); };
  Promise.all = function (list) {
    return new Promise(function (resolve, reject) {
      var out = [], left = list.length;
      if (!left) resolve(out);
      list.forEach(function (p, i) {
        Promise.resolve(p).then(function (v) { out[i] = v; if (!--left) resolve(out); }, reject);
      });
    });
  };
  return Promise;
})`;
