// Recording episodes, and moving the arm by its joints.
import { act, endReplay, hand, live, replay, send } from "act-console";

const SPEAK_MS = 50; // the arm stops when the page is silent for a few times that

export default {
  template: `
    <div>
      <section class="ac-card">
        <h2>Record</h2>
        <p v-if="!recorder" class="ac-hint">No recorder is heard. Start one: console_record:=true on a launch file, or act-record in a terminal. The arm can be moved without it.</p>
        <template v-else>
          <p id="recorder"><b>{{ recording ? "recording" : "not recording" }}</b>, {{ recorder.kept }} kept: {{ recorder.text }}</p>
          <div class="ac-buttons">
            <button id="record-start" class="ac-button go" :disabled="recording" @click="act('record_start')">Start</button>
            <button id="record-stop" class="ac-button" :disabled="!recording" @click="act('record_stop')">Stop and judge</button>
            <button id="record-discard" class="ac-button" :disabled="!recording && recorder.kept === '0'" @click="act('record_discard')">{{ recording ? "Discard" : "Redo: the last to the bin" }}</button>
          </div>
          <p id="verdict" class="ac-verdict">{{ verdict }}</p>
        </template>
      </section>
      <section class="ac-card">
        <h2>Move the arm</h2>
        <div class="ac-buttons">
          <button id="take" class="ac-button go" :disabled="held || !here" @click="take">Take the arm</button>
          <button id="hand-back" class="ac-button" :disabled="!held" @click="handBack">Hand it back</button>
          <button class="ac-button" v-for="pose in poses" :key="pose" :disabled="!held" @click="toPose(pose)">To {{ pose }}</button>
        </div>
        <p class="dim">{{ moveText }}</p>
        <label v-for="(joint, i) in joints" :key="joint.name" class="ac-joint">
          <span>{{ joint.name }}</span>
          <input type="range" :id="'joint-' + joint.name" :min="joint.lower" :max="joint.upper" step="0.005"
                 :disabled="!held" :value="held ? hand.goal[i] : (here ? here[i] : 0)" @input="hand.goal[i] = Number($event.target.value)">
          <output>{{ here ? here[i].toFixed(2) : "–" }} rad</output>
        </label>
      </section>
    </div>`,
  data: () => ({ verdict: "" }),
  computed: {
    live: () => live,
    hand: () => hand,
    held: () => hand.held,
    recorder: () => live.state?.recorder,
    recording: () => live.state?.recorder?.recording === "true",
    joints: () => live.hello?.joints ?? [],
    poses: () => Object.keys(live.hello?.poses ?? {}),
    here() {
      const joints = live.pose?.q;
      return joints && joints.length === this.joints.length ? joints : null;
    },
    moveText() {
      if (live.refused) return live.refused;
      if (this.held) return "The arm is yours while this page is in sight: drag the green ball at its gripper in the 3D view, or a joint here. It follows at 0.8 rad/s at most.";
      if (!this.here) return "Nobody tells where the arm is: it cannot be moved.";
      return "Take the arm, then drag its gripper in the 3D view, or a joint. When the page is hidden or closed, the arm holds where it is.";
    },
  },
  mounted() {
    this.timer = setInterval(() => this.speak(), SPEAK_MS);
    document.addEventListener("visibilitychange", this.look);
  },
  unmounted() {
    clearInterval(this.timer);
    this.letGo();
    document.removeEventListener("visibilitychange", this.look);
  },
  methods: {
    async act(name) {
      const said = await act(name);
      if (name.startsWith("record")) this.verdict = said.text;
    },
    take() {
      endReplay(); // who moves the arm sees the arm
      const applied = live.pose?.a;
      hand.goal = [...(applied?.length === this.joints.length ? applied : this.here)];
      live.refused = "";
      hand.held = true;
    },
    handBack() {
      this.letGo();
      act("return");
    },
    letGo() {
      if (hand.held) send({ let_go: true });
      hand.held = false;
    },
    toPose(name) {
      hand.goal = [...live.hello.poses[name]];
    },
    speak() {
      if (!hand.held) return;
      const stopped = replay.name || live.refused || live.state?.estop || !send({ drag: [...hand.goal] });
      if (stopped) this.letGo();
    },
    look() {
      if (document.hidden) this.letGo();
    },
  },
};
