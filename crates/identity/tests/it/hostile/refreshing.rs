//! Refresh tokens that were stolen, used twice, altered or shown by the wrong client, and scopes that grow on the way
//! (RFC 9700, section 4.14; RFC 6749, section 6).

use super::*;

both! {
    async fn a_refresh_token_is_worth_nothing_in_other_hands(world: &World) {
        let mut stage = Stage::set(world).await;
        let [access, refresh, identity] = stage.tokens(world).await;
        let app = (stage.app.key.clone(), stage.secret.clone());
        let base = [
            ("grant_type", "refresh_token"), ("client_id", app.0.as_str()), ("client_secret", app.1.as_str()),
            ("refresh_token", refresh.as_str()),
        ];
        let [other, other_secret, foreign, foreign_secret, public] = [
            &stage.other.key, &stage.other_secret, &stage.foreign.key, &stage.foreign_secret, &stage.public.key,
        ].map(String::clone);
        let grant = Expected::Refused(400, "invalid_grant");
        let client = Expected::Refused(400, "invalid_client");
        let scope = Expected::Refused(400, "invalid_scope");
        let (cut, longer) = (&refresh[..refresh.len() - 1], format!("{refresh}A"));
        let swapped: String = refresh.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
        let mut cases = Vec::new();
        for (name, more, expected) in [
            ("another client", vec![("client_id", other.as_str()), ("client_secret", &other_secret)], grant),
            ("client of another organization", vec![("client_id", &foreign), ("client_secret", &foreign_secret)], grant),
            ("client without a secret", vec![("client_id", &public), ("client_secret", "")], grant),
            ("the command line's client", vec![("client_id", PUBLIC_CLIENT), ("client_secret", "")], grant),
            ("without the secret", vec![("client_secret", "")], client),
            ("wrong secret", vec![("client_secret", "wrong")], client),
            ("another client's secret", vec![("client_secret", &other_secret)], client),
            ("token cut", vec![("refresh_token", cut)], grant),
            ("token longer", vec![("refresh_token", &longer)], grant),
            ("token in other letters", vec![("refresh_token", &swapped)], grant),
            ("access token", vec![("refresh_token", &access)], grant),
            ("identity token", vec![("refresh_token", &identity)], grant),
            ("token with SQL", vec![("refresh_token", "' OR '1'='1")], grant),
            ("no token", vec![("refresh_token", "")], Expected::Refused(400, "invalid_request")),
            ("scope that was not granted but registered", vec![("scope", "OR.Assets.Read")], scope),
            ("scope that is not registered", vec![("scope", "OR.Queues")], scope),
            ("one granted, one not", vec![("scope", "OR.Jobs OR.Queues")], scope),
            ("scope of a longer name", vec![("scope", "OR.Jobs.Read.Write")], scope),
            ("scope of roles", vec![("scope", "OR.Default")], scope),
            ("first-party scope", vec![("scope", "OrchestratorApiUserAccess")], scope),
            ("personal scope that was not granted", vec![("scope", "email")], scope),
            ("malformed scope", vec![("scope", "OR.Jobs\"")], scope),
        ] {
            cases.push(case(name, token(&changed(&base, &more)), expected));
        }
        cases.push(case("as a bearer token", get("/api/who").bearer(&refresh), Expected::Status(401)));
        hold(world, &mut stage.browser, "refreshing", cases).await;

        // None of that has harmed the token; used twice, it ends with all that came from it.
        let next = world.token(&base).await;
        assert_eq!(next.status, 200, "{}", next.body);
        let (next_access, next_refresh) = (next.text("access_token"), next.text("refresh_token"));
        // Less was asked for once; the next token cannot be made to forget what was never granted.
        let less = changed(&base, &[("refresh_token", &next_refresh), ("scope", "OR.Jobs.Read")]);
        let third = world.token(&less).await;
        assert_eq!(third.text("scope"), "OR.Jobs.Read");
        let third_refresh = third.text("refresh_token");
        world.token(&changed(&base, &[("refresh_token", &third_refresh), ("scope", "OR.Assets.Read")])).await.refused(400, "invalid_scope");
        world.token(&base).await.refused(400, "invalid_grant");
        world.token(&changed(&base, &[("refresh_token", &third_refresh)])).await.refused(400, "invalid_grant");
        for token in [access, next_access, third.text("access_token")] {
            world.who(&token).await.expect(401);
        }
    }

    async fn a_refresh_token_ends_with_what_it_stands_on(world: &World) {
        let mut stage = Stage::set(world).await;
        let fields = |stage: &Stage, token: &str| -> Vec<(String, String)> {
            [("grant_type", "refresh_token"), ("client_id", &stage.app.key), ("client_secret", &stage.secret), ("refresh_token", token)]
                .map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec()
        };
        let send = async |fields: Vec<(String, String)>| {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            world.token(&fields).await
        };
        let [_, over, _] = stage.tokens(world).await;
        world.advance(60 * 86_400);
        send(fields(&stage, &over)).await.refused(400, "invalid_grant");

        // A new password ends what the old one opened.
        let mut stage = Stage { browser: Browser::default(), ..stage };
        let page = stage.browser.sign_in(world, &address(&stage.asking(&[])), "admin", PASSWORD).await;
        assert!(returned(&page, "code").is_some());
        let [access, refresh, _] = stage.tokens(world).await;
        let hash = world.identity.hasher().hash(&bandmaster_core::Secret::new("another 8 words"), &bandmaster_core::RandomIds).await.unwrap();
        let mut unit = world.unit().await;
        bandmaster_identity::users::set_password(&mut unit, &world.admin, &hash, false).await.unwrap();
        unit.commit().await.unwrap();
        send(fields(&stage, &refresh)).await.refused(400, "invalid_grant");
        world.who(&access).await.expect(401);

        // So does the end of the application.
        let mut stage = Stage { browser: Browser::default(), ..stage };
        stage.browser.sign_in(world, &address(&stage.asking(&[])), "admin", "another 8 words").await;
        let [access, refresh, _] = stage.tokens(world).await;
        let mut unit = world.unit().await;
        applications::remove(&mut unit, &world.app, &stage.app).await.unwrap();
        unit.commit().await.unwrap();
        send(fields(&stage, &refresh)).await.refused(400, "invalid_client");
        world.who(&access).await.expect(401);
    }
}
