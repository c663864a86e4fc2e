// Orders at a rate that rises to 50 a second, whether or not earlier ones are answered.
import http from "k6/http";
import { check } from "k6";

export const options = {
  scenarios: {
    orders: {
      executor: "ramping-arrival-rate",
      startRate: 5,
      timeUnit: "1s",
      preAllocatedVUs: 50,
      maxVUs: 500,
      stages: [
        { duration: "20s", target: 50 },
        { duration: "40s", target: 50 },
      ],
    },
  },
  thresholds: { http_req_failed: ["rate<0.05"], http_req_duration: ["p(95)<500"] },
};

export default function () {
  const body = JSON.stringify({ sku: "A-100" });
  const params = { headers: { "Content-Type": "application/json" } };
  const answer = http.post(`${__ENV.SHOP_URL}/orders`, body, params);
  check(answer, { "order taken": (response) => response.status === 201 });
}
