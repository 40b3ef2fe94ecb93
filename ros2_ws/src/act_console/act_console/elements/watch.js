// What the robot sees, does and says.
import { act, live, replay } from "act-console";

export default {
  template: `
    <div>
      <div v-for="hint in hints" class="ac-hint" role="alert">{{ hint }}</div>
      <div class="ac-pictures" v-if="cameras.length && !replay.track">
        <figure v-for="camera in cameras" :key="camera" class="ac-picture">
          <img v-if="pictures[camera]" :src="pictures[camera].url" :alt="'camera ' + camera">
          <div v-else class="ac-nothing">no picture yet</div>
          <figcaption><b>{{ camera }}</b><span :class="{bad: age(camera) > 500}">{{ ageText(camera) }}</span></figcaption>
        </figure>
      </div>
      <section class="ac-card">
        <h2>Who has the arm</h2>
        <p id="owner"><b>{{ state?.owner.owner || "nobody is heard" }}</b> {{ state?.owner.text }}</p>
        <div class="ac-buttons">
          <button class="ac-button" id="enable" :disabled="!can('policy/enable')" @click="act('enable', true)">Enable policy</button>
          <button class="ac-button" id="disable" :disabled="!can('policy/enable')" @click="act('enable', false)">Stop policy</button>
          <button class="ac-button" :disabled="!can('control/take')" @click="act('take')">Take the arm</button>
          <button class="ac-button" :disabled="!can('control/return')" @click="act('return')">Hand it back</button>
          <button class="ac-button" :disabled="!can('policy/reset')" @click="act('forget')">Forget plans</button>
          <button class="ac-button" :disabled="!can('sim/reset')" @click="act('reset')">New episode</button>
          <button class="ac-button" v-if="can('driver/recover')" @click="act('recover')">Recover</button>
        </div>
        <p v-if="episode" id="episode">{{ episode }}</p>
      </section>
      <section class="ac-card">
        <h2>What is the matter</h2>
        <ul id="reasons" class="ac-reasons">
          <li v-for="reason in state?.reasons" :class="reason.level"><i>{{ reason.level }}</i>{{ reason.text }}</li>
          <li v-if="state && !state.reasons.length" class="ok"><i>ok</i>nothing</li>
        </ul>
      </section>
      <section class="ac-card" v-if="state?.figures.length">
        <h2>Figures</h2>
        <table id="figures" class="ac-table">
          <tr v-for="figure in state.figures"><td>{{ figure.label }}</td><td class="num">{{ figure.text }}</td><td class="dim">{{ figure.node }}</td></tr>
        </table>
      </section>
      <section class="ac-card" v-if="state?.statuses.length">
        <h2>All that the nodes say</h2>
        <details v-for="status in state.statuses" :key="status.name">
          <summary><i class="ac-level" :class="status.level">{{ status.level }}</i>{{ status.name }}: {{ status.text }}</summary>
          <table class="ac-table"><tr v-for="(value, key) in status.values"><td>{{ key }}</td><td class="num">{{ value }}</td></tr></table>
        </details>
      </section>
    </div>`,
  data: () => ({ nowMs: 0 }),
  mounted() {
    this.timer = setInterval(() => (this.nowMs = performance.now()), 250);
  },
  unmounted() {
    clearInterval(this.timer);
  },
  computed: {
    live: () => live,
    replay: () => replay,
    state: () => live.state,
    pictures: () => live.pictures,
    hints: () => live.state?.hints ?? [],
    cameras: () => live.state?.cameras ?? [],
    episode() {
      return Object.entries(live.state?.episode ?? {})
        .filter(([, value]) => value !== "")
        .map(([key, value]) => `${key} ${value}`)
        .join(", ");
    },
  },
  methods: {
    act,
    can: (service) => live.state?.services.includes(service) ?? false,
    age(camera) {
      const picture = live.pictures[camera];
      if (picture && picture.ageMs === null) return 0;
      return picture ? picture.ageMs + Math.max(0, this.nowMs - picture.cameMs) : Infinity;
    },
    ageText(camera) {
      const age = this.age(camera);
      if (live.pictures[camera]?.ageMs === null) return "of another clock";
      if (age === Infinity) return "";
      return age < 1000 ? `${Math.round(age)} ms old` : `${(age / 1000).toFixed(1)} s old`;
    },
  },
};
