import type { ReactNode } from "react";

import { count } from "../show";
import { Link } from "./text";

const HEIGHT = 90;
const DAY = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });

interface Slot {
  at: number;
  allow: number;
  deny: number;
}

/** Actions over time, by verdict; each bar leads to the actions of its time. */
export function Chart({ slots, seconds }: { slots: Slot[]; seconds: number }): ReactNode {
  const most = Math.max(1, ...slots.map((slot) => slot.allow + slot.deny));
  if (slots.length === 0) return null;
  return (
    <section className="chart" aria-label="Actions over time">
      <div className="bars">
        {slots.map((slot) => {
          const all = slot.allow + slot.deny;
          const said = `${DAY.format(new Date(slot.at * 1000))}: ${count(slot.allow)} allowed, ${count(slot.deny)} denied`;
          const from = Math.floor(slot.at);
          const to = `/console/sessions?view=actions&from=${from}&to=${Math.ceil(slot.at + seconds)}`;
          return (
            <Link key={slot.at} to={to} className="bar">
              <svg viewBox={`0 0 10 ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={said}>
                <title>{said}</title>
                <rect className="room" x="0" y="0" width="10" height={HEIGHT} />
                <rect
                  className="allow"
                  x="1"
                  width="8"
                  y={HEIGHT - (all / most) * HEIGHT}
                  height={(slot.allow / most) * HEIGHT}
                />
                <rect
                  className="deny"
                  x="1"
                  width="8"
                  y={HEIGHT - (slot.deny / most) * HEIGHT}
                  height={(slot.deny / most) * HEIGHT}
                />
              </svg>
            </Link>
          );
        })}
      </div>
      <div className="axis dim">
        <span>{DAY.format(new Date((slots[0]?.at ?? 0) * 1000))}</span>
        <span>
          <i className="key allow" /> allowed <i className="key deny" /> denied, at most {count(most)} at a time
        </span>
        <span>now</span>
      </div>
    </section>
  );
}
