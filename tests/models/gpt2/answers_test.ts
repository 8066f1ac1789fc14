import { assertEquals } from "@std/assert";
import { collect, generate, loadGPT2 } from "../../../models/gpt2/mod.ts";
import { deviceDataTest } from "../../support/devices.ts";

interface Questions {
  readonly cases: readonly {
    readonly question: string;
    readonly prompt_ids: readonly number[];
    readonly answer_ids_in_dataset: readonly number[];
    readonly greedy_text: string;
  }[];
}

for (const name of ["8h4l", "4h2l"]) {
  deviceDataTest(
    `tinygpt-slm ${name} gives all 100 published answers`,
    `tinygpt-slm/${name}`,
    async (device, dir) => {
      const { cases } = JSON.parse(await Deno.readTextFile(`${dir}/qa.json`)) as Questions;
      using model = await loadGPT2(dir, { device });
      const answers: (readonly number[])[] = [];
      for (const { prompt_ids } of cases) {
        const { ids } = await collect(generate(model, { promptIds: prompt_ids, temperature: 0 }));
        answers.push(ids);
      }
      assertEquals(answers, cases.map((c) => c.answer_ids_in_dataset));
    },
  );
}
