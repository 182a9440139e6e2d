//! Codes that were stolen, used twice, altered, or shown by the wrong client (RFC 9700, sections 4.2 and 4.5 to 4.8).

use super::*;

both! {
    async fn a_code_is_worth_nothing_in_other_hands(world: &World) {
        let mut stage = Stage::set(world).await;
        let code = stage.code(world).await;
        assert_eq!(world.token(&stage.redeeming(&code, &[])).await.status, 200);
        let grant = Expected::Refused(400, "invalid_grant");
        let request = Expected::Refused(400, "invalid_request");
        let (upper, lower) = (VERIFIER.to_uppercase(), VERIFIER.to_lowercase());
        let (longer, padded, long) = (format!("{VERIFIER}x"), format!("{VERIFIER}="), "a".repeat(129));
        let [other, other_secret, foreign, foreign_secret, public] = [
            &stage.other.key, &stage.other_secret, &stage.foreign.key, &stage.foreign_secret, &stage.public.key,
        ].map(String::clone);
        let changes = [
            ("no verifier", vec![("code_verifier", "")], grant),
            ("the challenge as verifier", vec![("code_verifier", CHALLENGE)], grant),
            ("wrong verifier", vec![("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-w")], grant),
            ("short verifier", vec![("code_verifier", &VERIFIER[..42])], grant),
            ("longer verifier", vec![("code_verifier", &longer)], grant),
            ("endless verifier", vec![("code_verifier", &long)], grant),
            ("padded verifier", vec![("code_verifier", &padded)], grant),
            ("verifier in capitals", vec![("code_verifier", &upper)], grant),
            ("verifier in small letters", vec![("code_verifier", &lower)], grant),
            ("verifier with a blank", vec![("code_verifier", "dBjftJeZ4CVP mB92K27uhbUJU1p1r_wW1gFWFOEjXk")], grant),
            ("no redirect address", vec![("redirect_uri", "")], grant),
            ("other redirect address", vec![("redirect_uri", "https://client.test/other")], grant),
            ("redirect address with a slash", vec![("redirect_uri", "https://client.test/cb/")], grant),
            ("redirect address with a query", vec![("redirect_uri", "https://client.test/cb?x")], grant),
            ("redirect address in capitals", vec![("redirect_uri", "HTTPS://CLIENT.TEST/CB")], grant),
            ("redirect address of the loopback", vec![("redirect_uri", LOOPBACK)], grant),
            ("another client", vec![("client_id", &other), ("client_secret", &other_secret)], grant),
            ("client of another organization", vec![("client_id", &foreign), ("client_secret", &foreign_secret)], grant),
            ("client without a secret", vec![("client_id", &public), ("client_secret", "")], grant),
            ("the command line's client", vec![("client_id", PUBLIC_CLIENT), ("client_secret", "")], grant),
        ];
        let mut cases = Vec::new();
        let mut spent = Vec::new();
        for (name, more, expected) in changes {
            let code = stage.code(world).await;
            cases.push(case(name, token(&stage.redeeming(&code, &more)), expected));
            // Whoever shows a code uses it up: the right request comes too late.
            cases.push(case(format!("{name}, then rightly"), token(&stage.redeeming(&code, &[])), grant));
            spent.push(code);
        }
        let code = stage.code(world).await;
        let (cut, longer, blank) = (code[..code.len() - 1].to_owned(), format!("{code}A"), format!("{code} "));
        let flipped = code.chars().rev().collect::<String>();
        let swapped: String = code.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
        for (name, shown) in [
            ("code cut", cut.as_str()), ("code longer", &longer), ("code with a blank", &blank), ("code backwards", &flipped),
            ("code in other letters", &swapped), ("code with a wildcard", "%"), ("code with SQL", "' OR '1'='1"),
            ("code of zeros", "0000000000000000000000000000000000000000000"),
        ] {
            cases.push(case(name, token(&stage.redeeming(shown, &[])), grant));
        }
        cases.push(case("no code", token(&stage.redeeming("", &[])), request));
        cases.push(case("code as a refresh token", token(&stage.redeeming("", &[("grant_type", "refresh_token"), ("refresh_token", &code)])), grant));
        cases.push(case("code as a bearer token", get("/api/who").bearer(&code), Expected::Status(401)));
        hold(world, &mut stage.browser, "codes", cases).await;

        // A code of yesterday, and one whose person has been shut out since.
        let old = stage.code(world).await;
        world.advance(300);
        world.token(&stage.redeeming(&old, &[])).await.refused(400, "invalid_grant");
        let late = stage.code(world).await;
        let mut unit = world.unit().await;
        bandmaster_identity::users::set_active(&mut unit, &world.admin, false).await.unwrap();
        unit.commit().await.unwrap();
        world.token(&stage.redeeming(&late, &[])).await.refused(400, "invalid_grant");
    }

    async fn a_challenge_that_was_taken_away_or_put_in_is_noticed(world: &World) {
        let mut stage = Stage::set(world).await;
        // Asked without a challenge, redeemed with a verifier: an attacker's request with the victim's verifier.
        let request = address(&stage.asking(&[("code_challenge", ""), ("code_challenge_method", "")]));
        for (verifier, status) in [(VERIFIER, 400), ("", 200)] {
            let answer = stage.browser.get(world, &request).await;
            let code = returned(&answer, "code").unwrap();
            assert_eq!(world.token(&stage.redeeming(&code, &[("code_verifier", verifier)])).await.status, status);
        }
    }
}
