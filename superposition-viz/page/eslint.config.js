import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    rules: {
      // The compiler knows the names that a browser has.
      "no-undef": "off",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
];
