package parser

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/xdg-go/scram"
)

// verifierIterations is PostgreSQL's own number.
const verifierIterations = 4096

// Verifier makes of a role's password what PostgreSQL stores of it. It takes this in
// place of the password, which then stands in no log: statements that give a role a
// password send the verifier. Salted anew, it is another one each time.
func Verifier(password string) (string, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		// What SASLprep refuses PostgreSQL takes byte by byte, on both sides.
		client, err = scram.SHA256.NewClientUnprepped("", password, "")
	}
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: verifierIterations})
	if err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", verifierIterations, encode(salt), encode(stored.StoredKey), encode(stored.ServerKey)), nil
}
