// The e-stop, always in sight, and what the last action came to.
import { act, engageStop, live } from "act-console";

export default {
  template: `
    <div class="ac-bar">
      <button id="estop" class="ac-estop" :class="{stopped: engaged}" @click="stop">
        {{ engaged ? "STOPPED" : "E-STOP" }}<small>{{ engaged ? "the e-stop is engaged" : "or the space bar" }}</small>
      </button>
      <button v-if="engaged" id="release" class="ac-button" @click="act('estop', false)">Release</button>
      <div id="said" class="ac-said" role="status" :class="{bad: !live.connected || (live.said && !live.said.ok)}">{{ text }}</div>
    </div>`,
  computed: {
    live: () => live,
    engaged: () => live.state?.estop === true,
    text() {
      if (!live.connected)
        return "No connection: this page shows the past, and its e-stop does not reach the arm. Stop it by its power switch, or: ros2 service call /estop std_srvs/srv/SetBool '{data: true}'";
      if (live.said) return `${live.said.name}: ${live.said.text}`;
      return live.state && live.state.estop === null ? "no arm is heard" : "";
    },
  },
  methods: { act, stop: engageStop },
};
