import { Type } from "typebox";
import { productsMax } from "../../core/limits.ts";
import {
  needProduct,
  type ProductRecord,
  productStage,
  products,
  putProduct,
} from "../../core/products.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures } from "../schemas.ts";

const day = Type.String({ maxLength: 10, description: "ISO day, for example 2031-12-31" });
const dayOrNull = Type.Union([day, Type.Null()]);
const promise = {
  name: Type.String({ minLength: 1, maxLength: 80 }),
  supportUntil: day,
  endOfSale: dayOrNull,
  endOfLife: dayOrNull,
  endOfLifePolicy: Type.String({ minLength: 1, maxLength: 2048 }),
  disposal: Type.String({ minLength: 1, maxLength: 2048 }),
};
const model = Type.String({ pattern: "^[A-Za-z0-9_.-]{1,32}$" });
export const modelParams = Type.Object({ model }, { additionalProperties: false });
const product = Type.Object({
  model,
  ...promise,
  updatedMs: Type.Integer(),
  stage: Type.Union([Type.Literal("onSale"), Type.Literal("supported"), Type.Literal("ended")]),
});

/** Products: what is promised of each model. */
export function productRoutes(app: Api, deps: ApiDeps): void {
  const view = (record: ProductRecord) => ({
    ...record,
    stage: productStage(record, deps.clock.nowMs()),
  });
  app.put(
    "/v1/products/:model",
    {
      schema: {
        summary: "Set what is promised of a model; a day may be moved later, never earlier",
        params: modelParams,
        body: Type.Object(promise, { additionalProperties: false }),
        response: { 200: product, ...failures },
      },
    },
    async (request) => {
      const input = { model: request.params.model, ...request.body };
      const edge = { person: person(request), nowMs: deps.clock.nowMs() };
      return view(await deps.store.tx((tx) => putProduct(tx, input, edge)));
    },
  );
  app.get(
    "/v1/products/:model",
    {
      schema: {
        summary: "What is promised of one model",
        params: modelParams,
        response: { 200: product, ...failures },
      },
    },
    async (request) => view(await deps.store.tx((tx) => needProduct(tx, request.params.model))),
  );
  app.get(
    "/v1/products",
    {
      schema: {
        summary: "All models with what is promised of them",
        response: { 200: Type.Object({ products: Type.Array(product) }), ...failures },
      },
    },
    async () => {
      const all = await deps.store.tx((tx) => tx.documents.list(products, { limit: productsMax }));
      return { products: all.map(({ value }) => view(value)) };
    },
  );
}
