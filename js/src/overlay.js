// What is drawn above the map, on a canvas of its own: corridors, ways, people; and what pops up, as elements.
import { MOVING, NOBODY, People, pixels, place } from "./people.js";

const RADII = [0, 3.2, 4.2, 6, 5];
// Of what was just suggested, a ring spreads.
const PULSE_MS = 1600;
const FRAME_MS = 33;
const MOST_CARDS = 3;
const CARD_MS = 9000;
const LETTERS = 7.8;

export class Overlay {
  constructor(map, colours, isDark) {
    this.map = map;
    this.colours = colours;
    this.isDark = isDark;
    this.people = new People();
    this.approaches = [];
    this.first = new Map();
    this.cards = new Map();
    this.drawnFrames = 0;
    this.canvas = Object.assign(document.createElement("canvas"), { className: "footfall-people" });
    this.layer = Object.assign(document.createElement("div"), { className: "footfall-cards" });
    map.getCanvasContainer().append(this.canvas, this.layer);
    this.onMap = () => this.draw(performance.now());
    map.on("move", this.onMap);
    map.on("resize", this.onMap);
    this.later = 0;
  }

  // Takes the newest frame; `drawn` is called once it is seen.
  take({ approaches }, positions, kinds, drawn) {
    const now = performance.now();
    this.people.take(positions, kinds, now);
    this.approaches = approaches.map((each) => ({ ...each, here: place(each.here), place: place(each.place), ring: each.ring.map(place) }));
    for (const { number } of approaches) if (!this.first.has(number)) this.first.set(number, now);
    this.drawn = drawn;
    this.wake();
  }

  wake() {
    if (!this.later) this.later = requestAnimationFrame((now) => this.step(now));
  }

  step(now) {
    this.later = 0;
    const before = this.last ?? 0;
    if (now - before >= FRAME_MS) this.draw(now);
    if (this.isMoving(now)) this.wake();
  }

  isMoving(now) {
    const pulses = this.approaches.some(({ number, kind }) => kind > 2 && now - this.first.get(number) < PULSE_MS);
    return this.drawn || pulses || this.people.share(now) < 1;
  }

  draw(now) {
    this.last = now;
    const { canvas, map } = this;
    const { clientWidth: width, clientHeight: height } = map.getContainer();
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    const brush = canvas.getContext("2d");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, width, height);
    const at = pixels(map);
    const share = this.people.share(now);
    for (const each of this.approaches) this.corridor(brush, each, at);
    for (const each of this.approaches) this.way(brush, each, at, share);
    this.everybody(brush, at, share, width, height);
    for (const each of this.approaches) this.pulse(brush, each, at, share, now);
    this.popUp(at, now, width, height);
    this.drawnFrames += 1;
    const { drawn } = this;
    this.drawn = null;
    drawn?.();
  }

  colour(kind) {
    return this.colours[kind]?.[this.isDark() ? 1 : 0] ?? "#000";
  }

  corridor(brush, { ring, kind }, at) {
    brush.beginPath();
    for (const point of ring) brush.lineTo(...at(point));
    brush.closePath();
    brush.globalAlpha = 0.18;
    brush.fillStyle = this.colour(kind);
    brush.fill();
    brush.globalAlpha = 1;
  }

  // The line goes from where somebody is, or was when it was seen, whichever is nearer; its end is the establishment.
  way(brush, { here, place: there, kind, slot }, at, share) {
    const { people } = this;
    const known = slot >= 0 && slot < people.count && people.kinds[slot] !== NOBODY;
    const [seen, now, end] = [at(here), at(known ? people.at(slot, share) : here), at(there)];
    const begin = apart(now, end) <= apart(seen, end) ? now : seen;
    brush.strokeStyle = brush.fillStyle = this.colour(kind);
    brush.lineWidth = kind > 2 ? 2 : 1.3;
    brush.setLineDash(kind > 2 ? [] : [5, 4]);
    brush.beginPath();
    brush.moveTo(...begin);
    brush.lineTo(...end);
    brush.stroke();
    brush.setLineDash([]);
    brush.beginPath();
    brush.arc(...end, kind > 2 ? 6 : 3.5, 0, 2 * Math.PI);
    brush.lineWidth = kind > 2 ? 2 : 1.3;
    brush.stroke();
  }

  everybody(brush, at, share, width, height) {
    const { people } = this;
    const grown = 1.25 ** Math.max(-1, Math.min(this.map.getZoom() - 12, 3));
    // One kind above the other: those who matter are seen.
    for (let kind = MOVING; kind < RADII.length; kind++) {
      const radius = RADII[kind] * (kind === MOVING ? grown : 1);
      const dot = this.dot(kind, radius);
      const half = dot.width / this.sharp / 2;
      for (let i = 0; i < people.count; i++) {
        if (people.kinds[i] !== kind) continue;
        const [x, y] = at(people.at(i, share));
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        brush.drawImage(dot, x - half, y - half, 2 * half, 2 * half);
      }
    }
  }

  // A dot, drawn once for all people of a kind.
  dot(kind, radius) {
    const dark = this.isDark();
    const key = `${kind} ${radius.toFixed(1)} ${dark}`;
    this.dots ??= new Map();
    this.sharp = 2 * Math.max(1, Math.round(devicePixelRatio || 1));
    if (!this.dots.has(key)) this.dots.set(key, dot(this.colour(kind), radius, this.sharp, kind, dark));
    return this.dots.get(key);
  }

  pulse(brush, { number, kind, slot, here }, at, share, now) {
    const age = (now - this.first.get(number)) / PULSE_MS;
    if (kind < 3 || age >= 1) return;
    const { people } = this;
    const [x, y] = at(slot >= 0 && slot < people.count ? people.at(slot, share) : here);
    brush.beginPath();
    brush.arc(x, y, 6 + 30 * age, 0, 2 * Math.PI);
    brush.globalAlpha = 1 - age;
    brush.lineWidth = 3;
    brush.strokeStyle = this.colour(kind);
    brush.stroke();
    brush.globalAlpha = 1;
  }

  // The newest suggestions, beside their establishments, none above another.
  popUp(at, now, width, height) {
    const fresh = this.approaches.filter(({ words, number }) => words.length && now - this.first.get(number) < CARD_MS);
    const shown = [];
    for (const each of fresh.reverse()) {
      const [x, y] = at(each.place);
      const box = boxOf(each.words, x, y, width);
      const inside = x > 0 && y > 0 && x < width && y < height;
      if (shown.length < MOST_CARDS && inside && !shown.some((other) => touch(box, other.box))) shown.push({ ...each, box });
    }
    const kept = new Set(shown.map(({ number }) => number));
    for (const [number, card] of this.cards) if (!kept.has(number)) card.remove(), this.cards.delete(number);
    for (const { number, words, kind, box } of shown) {
      if (!this.cards.has(number)) this.cards.set(number, this.card(words, kind));
      const card = this.cards.get(number);
      card.style.transform = `translate(${Math.round(box.x)}px, ${Math.round(box.y)}px)`;
      card.style.width = `${box.width}px`;
    }
  }

  card(words, kind) {
    const card = document.createElement("div");
    card.className = "footfall-card";
    card.style.borderLeftColor = this.colour(kind);
    const lines = words.map((text, i) => Object.assign(document.createElement(i ? "span" : "b"), { textContent: text }));
    card.append(...lines);
    this.layer.append(card);
    return card;
  }

  // What of another theme was drawn is drawn anew.
  paint() {
    this.dots?.clear();
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
    this.draw(performance.now());
  }

  end() {
    cancelAnimationFrame(this.later);
    this.map.off("move", this.onMap);
    this.map.off("resize", this.onMap);
  }
}

function apart([x, y], [east, south]) {
  return Math.hypot(east - x, south - y);
}

function boxOf(words, x, y, width) {
  const longest = Math.max(...words.map((text) => text.length));
  const wide = Math.min(280, 26 + LETTERS * longest);
  return { x: x + 14 + wide > width ? x - 14 - wide : x + 14, y: y - 30, width: wide, height: 62 };
}

function touch(a, b) {
  return a.x < b.x + b.width + 6 && b.x < a.x + a.width + 6 && a.y < b.y + b.height + 6 && b.y < a.y + a.height + 6;
}

function dot(colour, radius, sharp, kind, dark) {
  const size = 2 * Math.ceil(radius + 2);
  const canvas = Object.assign(document.createElement("canvas"), { width: size * sharp, height: size * sharp });
  const brush = canvas.getContext("2d");
  brush.scale(sharp, sharp);
  brush.beginPath();
  brush.arc(size / 2, size / 2, radius, 0, 2 * Math.PI);
  brush.fillStyle = colour;
  brush.globalAlpha = kind === MOVING ? 0.75 : 1;
  brush.fill();
  brush.globalAlpha = 1;
  brush.lineWidth = kind === MOVING ? 0.6 : 1.4;
  brush.strokeStyle = dark ? "#10161c" : "#ffffff";
  brush.stroke();
  return canvas;
}
