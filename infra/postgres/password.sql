-- docker compose, when the database is made: the migration role's password comes from the environment.
\getenv password DB_PASSWORD_ADMIN
ALTER ROLE migration PASSWORD :'password';
