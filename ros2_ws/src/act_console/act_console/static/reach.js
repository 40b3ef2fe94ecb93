// Joints that bring a point of the arm to where a hand drags it: damped least squares ("Introduction to
// inverse kinematics", UC San Diego, 2009, section 5), in small steps, within the joints' limits.
const ROUNDS = 30;
const STEP_M = 0.02;
const NEAR_M = 0.0005;
const DAMPING_M = 0.03; // of the order of a joint's lever where the arm is stretched

// start: joints [rad]; look(joints) gives {place: [x, y, z], columns}: where the point is [m], and for
// each joint how it moves [m/rad], or null where it does not. limits: [{lower, upper}, ...] [rad].
// Gives the joints that come nearest, all of them.
export function reach(start, look, target, limits) {
  const joints = [...start];
  for (let round = 0; round < ROUNDS; round++) {
    const { place, columns } = look(joints);
    const error = target.map((value, k) => value - place[k]);
    const far = Math.hypot(...error);
    if (far < NEAR_M) break;
    const scale = Math.min(1, STEP_M / far);
    const square = [0, 1, 2].map((i) =>
      [0, 1, 2].map((j) =>
        columns.reduce(
          (sum, column) => sum + (column ? column[i] * column[j] : 0),
          i === j ? DAMPING_M ** 2 : 0,
        ),
      ),
    );
    const pull = solve(square, error.map((value) => value * scale));
    columns.forEach((column, i) => {
      if (!column) return;
      const turn = column[0] * pull[0] + column[1] * pull[1] + column[2] * pull[2];
      joints[i] = Math.min(limits[i].upper, Math.max(limits[i].lower, joints[i] + turn));
    });
  }
  return joints;
}

// Three equations, by Cramer's rule; the damping keeps the determinant away from 0.
function solve(rows, right) {
  const whole = determinant(rows);
  return [0, 1, 2].map(
    (k) => determinant(rows.map((row, i) => row.map((value, j) => (j === k ? right[i] : value)))) / whole,
  );
}

function determinant([[a, b, c], [d, e, f], [g, h, i]]) {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}
