// Starts Swagger UI on the server's own two documents; nothing is loaded from elsewhere.
window.onload = () => {
  const identity = new URLSearchParams(location.search).get("identity") !== null;
  SwaggerUIBundle({
    url: identity ? "/identity/swagger/external/swagger.json" : "/swagger/v20.0/swagger.json",
    dom_id: "#ui",
    deepLinking: true,
    validatorUrl: null,
  });
};
