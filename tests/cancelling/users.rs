//! Users and roles: what was dropped happened, or did not.

use tercet_client::{Error, ErrorKind, Keys, Permission};

use crate::scene::Scene;

pub(crate) async fn all(scene: &Scene) {
    let client = &scene.client;
    let role = |number: u32| format!("role{number}");
    scene.each("auth/roles.rs role_add", async |number| client.role_add(role(number)).await).await;
    client.role_add("role").await.unwrap();
    scene.each("auth/roles.rs role_get", async |_| client.role_get("role").await).await;
    scene.each("auth/roles.rs role_list", async |_| client.role_list().await).await;
    let grant = async |number: u32| {
        let keys = Permission::read(Keys::prefix(format!("{number}/")));
        client.role_grant_permission("role", keys).await
    };
    scene.each("auth/roles.rs role_grant_permission", grant).await;
    // Again and again: it is there, or it was taken away by one that was dropped.
    let missing =
        |error: &Error| [ErrorKind::RoleNotFound, ErrorKind::UserNotFound].contains(&error.kind());
    let revoke = async |_| client.role_revoke_permission("role", Keys::prefix("1/")).await;
    scene.each_but("auth/roles.rs role_revoke_permission", |_| true, revoke).await;

    let user = |number: u32| format!("user{number}");
    let add = async |number| client.user_add(user(number), "password").await;
    scene.each("auth/users.rs user_add", add).await;
    let add = async |number| client.user_add_without_password(user(number)).await;
    scene.each("auth/users.rs user_add_without_password", add).await;
    client.user_add("user", "password").await.unwrap();
    scene.each("auth/users.rs user_get", async |_| client.user_get("user").await).await;
    scene.each("auth/users.rs user_list", async |_| client.user_list().await).await;
    let change = async |_| client.user_change_password("user", "another").await;
    scene.each("auth/users.rs user_change_password", change).await;
    let grant = async |_| client.user_grant_role("user", "role").await;
    scene.each("auth/users.rs user_grant_role", grant).await;
    let revoke = async |_| client.user_revoke_role("user", "role").await;
    scene.each_but("auth/users.rs user_revoke_role", |_| true, revoke).await;
    let delete = async |_| client.user_delete("user").await;
    scene.each_but("auth/users.rs user_delete", missing, delete).await;
    let delete = async |_| client.role_delete("role").await;
    scene.each_but("auth/roles.rs role_delete", missing, delete).await;
}
