// People who move: a canvas above the map, which is drawn without drawing the map anew. Positions come as integers,
// millionths of a degree; people glide from where they are drawn to where they are now.
const DEGREE = 1e6;
const WORLD = 512;
export const NOBODY = 0;
export const MOVING = 1;
// Who is farther from the last place than this, in parts of the world's width, was not seen on the way.
const LEAP = 5e-5;
const MOST_GLIDE_MS = 1500;

export function mercatorX(longitude) {
  return longitude / 360 + 0.5;
}

export function mercatorY(latitude) {
  const sine = Math.sin((Math.max(-85.0511, Math.min(85.0511, latitude)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

export function place([x, y]) {
  return [mercatorX(x / DEGREE), mercatorY(y / DEGREE)];
}

// Where a place in Web Mercator, a square of 1, stands on the map: the copy of the world that is nearest to its middle.
export function pixels(map) {
  const middle = map.getCenter();
  const [x, y] = [mercatorX(middle.lng), mercatorY(middle.lat)];
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const size = WORLD * 2 ** map.getZoom();
  return ([east, south]) => {
    const across = east - x - Math.round(east - x);
    return [across * size + width / 2, (south - y) * size + height / 2];
  };
}

export class People {
  constructor() {
    this.count = 0;
    this.kinds = new Uint8Array(0);
    this.from = new Float64Array(0);
    this.to = new Float64Array(0);
    this.since = 0;
    this.glide = 1;
  }

  // Takes a frame: whom it has, and where they are now.
  take(positions, kinds, now) {
    const count = kinds.length;
    const [from, to] = [new Float64Array(2 * count), new Float64Array(2 * count)];
    this.glide = Math.min(Math.max(now - this.since, 100), MOST_GLIDE_MS);
    const share = this.share(now);
    for (let i = 0; i < count; i++) {
      const [x, y] = place([positions[2 * i], positions[2 * i + 1]]);
      to[2 * i] = x;
      to[2 * i + 1] = y;
      const known = i < this.count && this.kinds[i] !== NOBODY && kinds[i] !== NOBODY;
      const [a, b] = known ? this.at(i, share) : [x, y];
      const leaps = Math.abs(a - x) > LEAP || Math.abs(b - y) > LEAP;
      from[2 * i] = leaps ? x : a;
      from[2 * i + 1] = leaps ? y : b;
    }
    Object.assign(this, { count, kinds, from, to, since: now });
  }

  share(now) {
    return Math.min((now - this.since) / this.glide, 1);
  }

  at(i, share) {
    const { from, to } = this;
    return [from[2 * i] + (to[2 * i] - from[2 * i]) * share, from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * share];
  }
}
