-- ALTER ROLE takes no parameters: this answers the statement, with the name and the password quoted by the server itself.
SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text);
