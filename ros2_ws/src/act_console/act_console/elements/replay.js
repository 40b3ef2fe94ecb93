// A recording on the page of the arm: its film, and a slider that moves film and 3D view through time.
import { endReplay, replay, replayLength, seek } from "act-console";

const FAR_S = 0.3; // the film is put right when it is further off

export default {
  template: `
    <section v-if="replay.name" class="ac-card ac-replay">
      <h2>A recording, not the arm: {{ replay.name }}</h2>
      <p v-if="replay.problem" class="ac-hint" role="alert">{{ replay.problem }}</p>
      <template v-if="replay.track">
        <video v-if="replay.track.film_s !== null" ref="film" class="ac-film" :src="film" muted playsinline preload="auto" @loadedmetadata="show(replay.second)"></video>
        <input id="replay-time" type="range" min="0" :max="length" step="0.05" :value="replay.second" @input="put($event.target.value)" aria-label="time">
        <p><output id="replay-second">{{ replay.second.toFixed(1) }} of {{ length.toFixed(1) }} s</output> {{ owner }}</p>
      </template>
      <div class="ac-buttons">
        <button id="replay-play" class="ac-button go" :disabled="!replay.track" @click="play">{{ replay.playing ? "Pause" : "Play" }}</button>
        <button id="replay-end" class="ac-button" @click="end">Back to the arm</button>
      </div>
    </section>`,
  computed: {
    replay: () => replay,
    length: () => replayLength(),
    film: () => `/films/${encodeURIComponent(replay.name)}.mp4`,
    owner() {
      const [, owner] = (replay.track.owners ?? []).findLast(([since]) => since <= replay.second) ?? [];
      return owner ? `${owner} had the arm` : "";
    },
  },
  unmounted() {
    cancelAnimationFrame(this.frame);
    endReplay();
  },
  methods: {
    put(text) {
      replay.playing = false;
      this.show(Number(text));
    },
    show(second) {
      seek(second);
      const film = this.$refs.film;
      if (!film || film.readyState < 1) return;
      const wanted = Math.max(0, replay.second - replay.track.film_s);
      if (!replay.playing || Math.abs(film.currentTime - wanted) > FAR_S) film.currentTime = wanted;
      if (replay.playing && film.paused) film.play().catch(() => {});
      if (!replay.playing && !film.paused) film.pause();
    },
    play() {
      replay.playing = !replay.playing;
      if (replay.playing && replay.second >= this.length) seek(0);
      let before = performance.now();
      const next = (now) => {
        if (!replay.playing) return this.show(replay.second);
        this.show(replay.second + (now - before) / 1000);
        before = now;
        if (replay.second >= this.length) replay.playing = false;
        this.frame = requestAnimationFrame(next);
      };
      this.frame = requestAnimationFrame(next);
    },
    end() {
      cancelAnimationFrame(this.frame);
      endReplay();
    },
  },
};
