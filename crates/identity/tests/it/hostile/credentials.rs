//! Headers that are no credential.

use crate::world::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

both! {
    async fn headers_that_are_no_credential(world: &World) {
        let token = world.signed_in("admin").await;
        let who = |header: &str| get("/api/who").header("authorization", header);
        for header in [
            String::new(),
            "Bearer".into(),
            "Bearer ".into(),
            token.clone(),
            format!("Bearer{token}"),
            format!("Token {token}"),
            format!("Bearer {token} {token}"),
            format!("Bearer \"{token}\""),
            format!("Basic {}", STANDARD.encode("admin:secret")),
            "Bearer rt_".into(),
            "Bearer rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
            "UiRobot robot-key".into(),
            "Negotiate abc".into(),
        ] {
            assert_eq!(world.send(who(&header)).await.status, 401, "{header}");
        }
        world.send(who(&format!("Bearer {token}")).bearer(&token)).await.expect(401);
        world.send(get("/api/who")).await.expect(401);
        world.send(who(&format!("bEaReR   {token}"))).await.expect(200);
        // Where nobody needs to be known, a bad credential does no harm.
        world.send(get("/identity/.well-known/openid-configuration").bearer("nonsense")).await.expect(200);
    }
}
