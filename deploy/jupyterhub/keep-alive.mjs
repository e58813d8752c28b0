// Loaded before the proxy, which keeps connections to servers on ports open, and asks those on files to close theirs after
// each answer. They then close while it still writes: 4 of 7,000 small writes that went well were answered with 503.
// Node keeps connections apart by the file's path, so that none serves two users.
import { ConfigurableProxy } from "./node_modules/configurable-http-proxy/lib/configproxy.js";

const options = ConfigurableProxy.prototype.proxyOptsForTarget;
ConfigurableProxy.prototype.proxyOptsForTarget = function (target) {
  const found = options.call(this, target);
  found.agent ??= this.httpAgent;
  return found;
};
