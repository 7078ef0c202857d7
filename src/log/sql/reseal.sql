-- Stores a secret under another key. $1 account, $2 endpoint, $3 version, $4 the key's id, $5 the sealed
-- secret.
update calmony.endpoint_secret
   set key_id = $4, sealed = $5, secret = null
 where account = $1 and endpoint = $2 and version = $3
