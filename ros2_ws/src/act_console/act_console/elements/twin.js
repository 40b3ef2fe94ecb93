// The arm in three dimensions: measured, where it is sent (a ghost), and the policy's plans.
import { hand, live, on, reach, replay } from "act-console";
import { OrbitControls, THREE } from "nicegui-scene";
import { watch } from "vue";

const COLOURS = { newest: 0xe07000, mean: 0xa855f7, ghost: 0x0091ff, handle: 0x1c9a4c };
const HANDLE_M = 0.022;
const SEEN_RAD = 0.001; // a smaller motion is not seen, and costs as much to draw

export default {
  template: `
    <div class="ac-twin">
      <canvas></canvas>
      <div class="ac-legend" v-if="!problem">
        <span style="color:#b58900">■ measured</span> <span style="color:#0091ff">■ sent (ghost)</span>
        <span style="color:#e07000">— newest plan</span> <span style="color:#a855f7">— mean of the plans</span>
        <span v-if="hand.held" style="color:#1c9a4c">● drag the gripper</span>
      </div>
      <p v-if="problem" class="ac-hint" role="alert">{{ problem }}</p>
    </div>`,
  data: () => ({ problem: "" }),
  computed: { hand: () => hand },
  async mounted() {
    let data;
    try {
      const answer = await fetch("/twin.json");
      if (!answer.ok) throw new Error(await answer.text());
      data = await answer.json();
    } catch (error) {
      this.problem = `No 3D view: ${error.message}. Pictures, numbers and buttons work.`;
      return;
    }
    try {
      this.begin(data);
    } catch {
      this.problem =
        "No 3D view: this browser has no WebGL (switch on hardware acceleration, or use another). Pictures, numbers and buttons work.";
    }
  },
  unmounted() {
    this.offPose?.();
    this.offPlan?.();
    this.offHand?.();
    this.observer?.disconnect();
    cancelAnimationFrame(this.frame);
    this.renderer?.dispose();
  },
  methods: {
    begin(data) {
      const canvas = this.$el.querySelector("canvas");
      this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true });
      this.scene = new THREE.Scene();
      this.scene.add(new THREE.AmbientLight(0xffffff, 1.8));
      const light = new THREE.DirectionalLight(0xffffff, 1.6);
      light.position.set(0.5, -0.7, 1.5);
      this.scene.add(light);
      const grid = new THREE.GridHelper(1.0, 10, 0x888888, 0x888888);
      grid.material.transparent = true;
      grid.material.opacity = 0.35;
      grid.rotateX(Math.PI / 2);
      this.scene.add(grid);
      this.camera = new THREE.PerspectiveCamera(40, 1, 0.01, 10);
      this.camera.up.set(0, 0, 1);
      this.camera.position.set(0.75, -0.65, 0.5);
      this.controls = new OrbitControls(this.camera, canvas);
      this.controls.target.set(0.16, 0, 0.12);
      this.controls.addEventListener("change", () => this.draw());
      this.controls.update();
      this.arm = build(data, null);
      this.ghost = build(data, COLOURS.ghost);
      this.probe = build(data, undefined); // never drawn: where a gripper would be
      this.scene.add(this.arm.root, this.ghost.root);
      this.curves = {};
      for (const kind of ["newest", "mean"]) {
        this.curves[kind] = data.tips.map(() => {
          // Seen through the arm: a plan ends inside the gripper.
          const line = new THREE.Mesh(
            new THREE.BufferGeometry(),
            new THREE.MeshBasicMaterial({ color: COLOURS[kind], depthTest: false, transparent: true }),
          );
          line.renderOrder = kind === "newest" ? 2 : 1;
          line.frustumCulled = false;
          this.scene.add(line);
          return line;
        });
      }
      this.tips = data.tips;
      this.handles = data.tips.map((tip) => this.handle(tip, canvas));
      this.offHand = watch([() => hand.held, () => hand.goal], () => this.placeHandles(), { deep: true });
      this.placeHandles();
      this.offPose = on("pose", (message) => this.show(message));
      this.offPlan = on("plan", (message) => this.plan(message));
      this.observer = new ResizeObserver(() => this.resize());
      this.observer.observe(this.$el);
      this.resize();
    },
    show(message) {
      if (isSame(message.q, this.shown?.q) && isSame(message.a, this.shown?.a)) return; // it stands
      this.shown = message;
      pose(this.arm, message.names, message.q);
      this.ghost.root.visible = message.a !== null;
      if (message.a !== null) pose(this.ghost, message.names, message.a);
      this.draw();
    },
    // A ball at a gripper, which is where the goal's gripper is. Capture: before the camera's turn.
    handle(tip, canvas) {
      const ball = new THREE.Mesh(
        new THREE.SphereGeometry(HANDLE_M, 20, 14),
        new THREE.MeshLambertMaterial({ color: COLOURS.handle, transparent: true, opacity: 0.75, depthTest: false }),
      );
      ball.renderOrder = 3;
      this.scene.add(ball);
      const ray = new THREE.Raycaster();
      const plane = new THREE.Plane();
      const point = (event) => {
        const box = canvas.getBoundingClientRect();
        const at = new THREE.Vector2(
          (2 * (event.clientX - box.left)) / box.width - 1,
          1 - (2 * (event.clientY - box.top)) / box.height,
        );
        ray.setFromCamera(at, this.camera);
        return ray.ray.intersectPlane(plane, new THREE.Vector3());
      };
      let pointer = null;
      canvas.addEventListener(
        "pointerdown",
        (event) => {
          if (!hand.held || replay.name || pointer !== null) return;
          plane.setFromNormalAndCoplanarPoint(this.camera.getWorldDirection(new THREE.Vector3()), ball.position);
          const hit = point(event);
          if (!hit || hit.distanceTo(ball.position) > 1.5 * HANDLE_M) return;
          event.stopImmediatePropagation();
          pointer = event.pointerId;
          canvas.setPointerCapture(pointer);
        },
        true,
      );
      canvas.addEventListener("pointermove", (event) => {
        const hit = event.pointerId === pointer && hand.held ? point(event) : null;
        if (hit) hand.goal = reach(hand.goal, (joints) => this.lookAt(tip, joints), hit.toArray(), live.hello.joints);
      });
      for (const kind of ["pointerup", "pointercancel"])
        canvas.addEventListener(kind, (event) => {
          if (event.pointerId === pointer) pointer = null;
        });
      return ball;
    },
    // Where a gripper is with these joints, and how each of them moves it.
    lookAt(tip, joints) {
      const names = live.hello.joints.map((joint) => joint.name);
      pose(this.probe, names, joints);
      this.probe.root.updateMatrixWorld(true);
      const body = this.probe.bodies[tip.body];
      const place = body.localToWorld(new THREE.Vector3(...tip.pos));
      const columns = names.map((name) => {
        const joint = this.probe.joints[name];
        if (!joint || !holds(joint.group, body)) return null;
        const axis = joint.axis.clone().transformDirection(joint.group.matrixWorld);
        const lever = place.clone().sub(new THREE.Vector3().setFromMatrixPosition(joint.group.matrixWorld));
        return axis.cross(lever).toArray();
      });
      return { place: place.toArray(), columns };
    },
    placeHandles() {
      this.handles.forEach((ball, i) => {
        ball.visible = hand.held;
        if (!hand.held) return;
        ball.position.fromArray(this.lookAt(this.tips[i], hand.goal).place);
      });
      this.draw();
    },
    plan(message) {
      for (const kind of ["newest", "mean"]) {
        const points = this.tips.map(() => []);
        for (const row of message[kind]) {
          pose(this.probe, message.names, row);
          this.probe.root.updateMatrixWorld(true);
          this.tips.forEach((tip, i) => {
            const place = new THREE.Vector3(...tip.pos);
            points[i].push(this.probe.bodies[tip.body].localToWorld(place));
          });
        }
        this.tips.forEach((_, i) => {
          const line = this.curves[kind][i];
          line.geometry.dispose();
          line.geometry = tube(points[i], kind === "newest" ? 0.0015 : 0.003);
        });
      }
      this.$el.dataset.plan = String(message.newest.length);
      this.draw();
    },
    resize() {
      const { clientWidth: width, clientHeight: height } = this.$el;
      if (!width || !height) return;
      this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
      this.renderer.setSize(width, height, false);
      this.camera.aspect = width / height;
      this.camera.updateProjectionMatrix();
      this.draw();
    },
    draw() {
      if (this.frame || document.hidden || !this.$el.clientWidth) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.renderer.render(this.scene, this.camera);
        if (hand.held) {
          const seen = this.handles[0].position.clone().project(this.camera);
          this.$el.dataset.handle = `${seen.x},${seen.y}`; // in the picture: -1 to 1, y upwards
        }
        this.$el.dataset.drawn = String(Number(this.$el.dataset.drawn ?? 0) + 1);
      });
    },
  },
};

function isSame(joints, before) {
  if (!joints || !before) return joints === before;
  return joints.every((value, i) => Math.abs(value - before[i]) < SEEN_RAD);
}

function holds(group, body) {
  for (let one = body; one; one = one.parent) if (one === group) return true;
  return false;
}

function tube(points, radius) {
  if (points.length < 2) return new THREE.BufferGeometry();
  return new THREE.TubeGeometry(new THREE.CatmullRomCurve3(points), 2 * points.length, radius, 5);
}

// colour: null as the model has it; undefined: nothing to see, joints only.
function build(data, colour) {
  const root = new THREE.Group();
  const bodies = [];
  const joints = {};
  for (const body of data.bodies) {
    const group = place(new THREE.Group(), body);
    (body.parent < 0 ? root : bodies[body.parent]).add(group);
    if (body.joint)
      joints[body.joint.name] = {
        group,
        rest: group.quaternion.clone(),
        axis: new THREE.Vector3(...body.joint.axis),
      };
    bodies.push(group);
    if (colour !== undefined) for (const mesh of body.meshes) group.add(drawn(mesh, colour));
  }
  return { root, bodies, joints };
}

function place(object, { pos, quat }) {
  object.position.set(...pos);
  object.quaternion.set(quat[1], quat[2], quat[3], quat[0]);
  return object;
}

function drawn(mesh, colour) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(mesh.vertices, 3));
  geometry.setIndex(mesh.faces);
  const flat = geometry.toNonIndexed();
  flat.computeVertexNormals();
  const [r, g, b] = mesh.rgba;
  const material = new THREE.MeshLambertMaterial({
    color: colour === null ? new THREE.Color(r, g, b) : new THREE.Color(colour),
    transparent: colour !== null,
    opacity: colour === null ? 1 : 0.25,
    depthWrite: colour === null,
    side: THREE.DoubleSide,
  });
  return place(new THREE.Mesh(flat, material), mesh);
}

function pose(model, names, values) {
  const turn = new THREE.Quaternion();
  names.forEach((name, i) => {
    const joint = model.joints[name];
    if (joint) joint.group.quaternion.copy(joint.rest).multiply(turn.setFromAxisAngle(joint.axis, values[i]));
  });
}
